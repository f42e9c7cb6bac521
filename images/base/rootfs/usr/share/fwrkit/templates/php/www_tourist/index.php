<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Welcome</title>
<style>
    :root { --ink: #1c2333; --soft: #5b6477; --line: #dfe3ec; --paper: #fff; --ground: #f5f6fa; --accent: #2f54c9 }
    @media (prefers-color-scheme: dark) { :root { --ink: #e6e9f2; --soft: #9aa4b8; --line: #2c3447; --paper: #1a2030; --ground: #121622; --accent: #8fa8ff } }
    * { box-sizing: border-box }
    body { margin: 0; font: 1.0625rem/1.65 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: var(--ground) }
    main { max-width: 46rem; margin: 0 auto; padding: clamp(2.5rem, 10vh, 6rem) 1.25rem 2rem }
    h1 { font-size: clamp(1.9rem, 5vw, 2.6rem); line-height: 1.15; letter-spacing: -.02em; margin: .2em 0 .5em }
    h2 { font-size: 1.15rem; margin: 2.2em 0 .4em }
    a { color: var(--accent) }
    code { font: .92em ui-monospace, Menlo, Consolas, monospace; background: var(--paper); border: 1px solid var(--line); padding: .08em .4em; border-radius: .35em }
    .badge { display: inline-block; font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft) }
    .lead { font-size: 1.2rem; color: var(--soft) }
    .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; margin: 2rem 0 }
    .cards > * { display: block; padding: 1.2rem 1.35rem; border: 1px solid var(--line); border-radius: .85rem; background: var(--paper); color: inherit; text-decoration: none }
    a.card { transition: border-color .15s, transform .15s }
    a.card:hover, a.card:focus-visible { border-color: var(--accent); transform: translateY(-2px) }
    .cards strong { display: block; margin-bottom: .25rem; font-size: 1.08rem }
    a.card strong { color: var(--accent) }
    .cards span { color: var(--soft); font-size: .97rem }
</style>
<body>
<main>
<span class="badge">Welcome</span>
<h1>A site that nobody owns alone</h1>
<p class="lead">You are a tourist here: welcome. Each citizen of this community has all of it on their own machine.</p>
<div class="cards">
    <div><strong>Made on request</strong><span>By <code>www_tourist/index.php</code>, on a server that can read this site and write nothing.</span></div>
    <div><strong>Made by citizens</strong><span>A citizen edits it on their machine, and a moment later it is here.</span></div>
</div>
</main>
</body>
</html>
