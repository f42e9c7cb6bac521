// The small line at the foot of every page: whether this node is in sync. What it reads holds no names of people and no paths.
(function () {
    "use strict";
    var line = document.getElementById("line"), failures = 0, every = 30, timer;
    function since(seconds) {
        var date = new Date(seconds * 1000), isToday = new Date().toDateString() === date.toDateString();
        return isToday ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
            : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    }
    function changes(count) { return count + (count === 1 ? " change" : " changes"); }
    function sentence(status) { return state(status) + (status.detail ? ", " + status.detail : ""); }
    function state(status) {
        if (status.state === "in sync") { return "in sync"; }
        if (status.state === "waiting") { return status.pending ? "waiting with " + changes(status.pending) : "waiting"; }
        if (status.state === "offline") {
            return "offline since " + since(status.since) + (status.pending ? ", " + changes(status.pending) + " waiting" : "");
        }
        return status.state + " since " + since(status.since);
    }
    function show(name, text) { line.className = name; line.textContent = text; }
    function look() {
        fetch("/fwr-status.json", { cache: "no-store" }).then(function (answer) {
            every = Number(answer.headers.get("Fwr-Ask-Again")) || every;
            return answer.json();
        }).then(function (status) {
            failures = 0;
            var where = status.world + " · " + status.node + " · ";
            if (Date.now() / 1000 - status.written > 120) {
                show("silent", where + "nothing heard since " + since(status.written));
            } else {
                show(status.state.replace(" ", ""), where + sentence(status));
            }
        }).catch(function () {
            failures += 1;
            if (failures > 1) { show("silent", "this node does not answer"); }
        }).then(wait);
    }
    // a page that nobody looks at asks nothing; the pause varies, so that many pages do not ask at once
    function wait() {
        clearTimeout(timer);
        if (!document.hidden) { timer = setTimeout(look, every * 1000 * (0.9 + 0.2 * Math.random()) * Math.min(1 + failures, 10)); }
    }
    document.addEventListener("visibilitychange", function () {
        clearTimeout(timer);
        if (!document.hidden) { look(); }
    });
    if (!document.hidden) { look(); }
}());
