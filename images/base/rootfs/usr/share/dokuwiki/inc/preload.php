<?php
/**
 * Which of the world's two wikis this request is for, and where its settings lie.
 *
 * The process that runs this belongs to one of them (FWRKIT_SITE, see /usr/lib/fwrkit/web), and Apache chooses the process per path (dokuwiki.conf);
 * nothing in a request can. Replaces the preload of Debian's
 * package, which chooses by ?animal= and by the name of the host.
 */

const FWRKIT_OWN = '/usr/share/fwrkit/dokuwiki/';
const FWRKIT_DEFAULTS = '/etc/dokuwiki/';

/** The site, www or www_tourist. Ends the request if the process has none. */
function fwrkit_site(): string
{
    $site = getenv('FWRKIT_SITE', true); // of the process, never of the request
    if ($site !== 'www' && $site !== 'www_tourist') {
        http_response_code(500);
        exit('This path belongs to no wiki.');
    }
    return $site;
}

/** Whether people may write here: on a client, and never on a server. */
function fwrkit_is_client(): bool
{
    return getenv('FWRKIT_ROLE') === 'client';
}

/**
 * When a file came to be what it is, in Unix seconds, 0 if it is missing. A page that arrives from elsewhere brings its own, older time of
 * modification; the time of its inode says when it arrived here, which is what decides whether a cache is stale.
 */
function fwrkit_changed(string $file): int
{
    return max((int)@filemtime($file), (int)@filectime($file));
}

// what this machine's citizen has begun: drafts, and what forms were made from. It is beside the world, and never travels; on a
// server nobody begins anything
define('FWRKIT_KEPT', (fwrkit_is_client() ? '/srv/fwr/web/' : '/var/cache/fwrkit/') . fwrkit_site() . '/');
define('DOKU_CONF', '/srv/fwr/world/' . fwrkit_site() . '/conf/');
// browsers send cookies to every port of a host: each node has its own
define('DOKU_SESSION_NAME', 'DokuWiki' . substr(md5((string)getenv('FWRKIT_NODE')), 0, 8));

if (!fwrkit_is_client()) {
    // tourists do not log in: no session is kept, no cookie sent, and who passed Apache's password is nobody to the wiki
    unset($_SERVER['REMOTE_USER'], $_SERVER['PHP_AUTH_USER'], $_SERVER['PHP_AUTH_PW'], $_SERVER['HTTP_AUTHORIZATION']);
    ini_set('session.cache_limiter', '');
    header_register_callback(static function (): void {
        header_remove('Set-Cookie');
        if (!preg_grep('/^Cache-Control:/i', headers_list())) {
            header('Cache-Control: no-cache');
        }
    });
    session_set_save_handler(new class implements SessionHandlerInterface {
        public function open($path, $name): bool { return true; }
        public function close(): bool { return true; }
        public function read($id): string { return ''; }
        public function write($id, $data): bool { return true; }
        public function destroy($id): bool { return true; }
        public function gc($max_lifetime): int { return 0; }
    });
}

// Defaults from Debian's package, what the community chose from the world, what fwrkit must know last. The engine adds the keys that are missing.
$config_cascade = [
    'main' => [
        'default' => [FWRKIT_DEFAULTS . 'dokuwiki.php'],
        'local' => [DOKU_CONF . 'local.php'],
        'protected' => [FWRKIT_OWN . 'protected.php'],
    ],
    'license' => ['default' => [FWRKIT_DEFAULTS . 'license.php'], 'local' => [DOKU_CONF . 'license.local.php']],
    'mediameta' => ['default' => [FWRKIT_DEFAULTS . 'mediameta.php'], 'local' => [DOKU_CONF . 'mediameta.local.php']],
    'manifest' => ['default' => [FWRKIT_DEFAULTS . 'manifest.json'], 'local' => [DOKU_CONF . 'manifest.local.json']],
    'plugins' => [
        'default' => [FWRKIT_DEFAULTS . 'plugins.php'],
        // plugins come with the image; the engine writes this file where it is missing, even when somebody only reads
        'local' => [FWRKIT_OWN . 'plugins.local.php'],
        'protected' => [FWRKIT_OWN . 'plugins.php'],
    ],
];
foreach (['acronyms', 'entities', 'interwiki', 'mime', 'scheme', 'smileys', 'wordblock'] as $fwrkit_name) {
    $config_cascade[$fwrkit_name] = [
        'default' => [FWRKIT_DEFAULTS . "$fwrkit_name.conf"],
        'local' => [DOKU_CONF . "$fwrkit_name.local.conf"],
    ];
}
unset($fwrkit_name);

require_once FWRKIT_OWN . 'writing.php';
