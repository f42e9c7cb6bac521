// The small line at the foot of every page: whether this node is in sync. What it reads holds no names and no paths.
(function () {
    "use strict";
    var line = document.createElement("div");
    line.id = "fwr-footer";
    line.setAttribute("role", "status");
    line.style.cssText = "font:13px/1.5 system-ui,sans-serif;text-align:center;padding:.6em 1em;color:#667;border-top:1px solid #dde;margin-top:2em;background:transparent";
    function since(seconds) {
        var date = new Date(seconds * 1000), today = new Date().toDateString() === date.toDateString();
        return today ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) : date.toLocaleString();
    }
    function sentence(status) {
        if (Date.now() / 1000 - status.written > 120) { return "the agent is silent since " + since(status.written); }
        if (status.state === "in sync") { return "in sync"; }
        if (status.state === "waiting") { return "waiting with " + status.pending + (status.pending === 1 ? " change" : " changes"); }
        if (status.state === "offline") { return "offline since " + since(status.since) + (status.pending ? ", " + status.pending + " to send" : ""); }
        return status.state + " since " + since(status.since);
    }
    function look() {
        fetch("/fwr-status.json", { cache: "no-store" }).then(function (answer) { return answer.json(); }).then(function (status) {
            line.textContent = status.world + " · " + status.node + " · " + sentence(status);
        }).catch(function () { line.textContent = "the node does not answer"; });
    }
    document.body.appendChild(line);
    look();
    setInterval(look, 5000);
}());
