<?php
/**
 * Settings that no wiki of a world can change: read after the world's own.
 *
 * What travels lies in the world. What is only this machine's lies beside it: what the engine can make again (caches, locks, index, rendered metadata)
 * in a tmpfs, what somebody has begun (drafts, the forms' salt) in the world's volume. So reading a page changes nothing in the world, and a server's
 * world can be mounted read-only.
 */

$conf['savedir'] = '/srv/fwr/world/' . fwrkit_site() . '/data';
foreach (['datadir', 'olddir', 'mediadir', 'mediaolddir', 'metadir', 'mediametadir'] as $fwrkit_name) {
    $conf[$fwrkit_name] = ''; // beneath savedir
}
$conf['localdir'] = '/var/cache/fwrkit/' . fwrkit_site();
$conf['cachedir'] = $conf['localdir'] . '/cache';
$conf['indexdir'] = $conf['localdir'] . '/index';
$conf['lockdir'] = $conf['localdir'] . '/locks';
$conf['tmpdir'] = $conf['localdir'] . '/tmp';
$conf['logdir'] = $conf['localdir'] . '/log';
// nobody has a draft on a server, or sends a form
$conf['saltdir'] = fwrkit_is_client() ? FWRKIT_KEPT . 'salt' : $conf['localdir'] . '/meta';
unset($conf['changelog'], $fwrkit_name);

// Whoever can reach a client's wiki is its citizen; a server's visitors are nobody. See the plugins authfwr and fwrkit.
$conf['useacl'] = 1;
$conf['authtype'] = 'authfwr';
$conf['superuser'] = '@citizen';
$conf['manager'] = '';
$conf['autopasswd'] = 0;
$conf['rememberme'] = 0;
$conf['remote'] = 0;
$conf['remotecors'] = '';
$conf['disableactions'] = 'login,logout,register,resendpwd,profile,profile_delete,subscribe'
    . (fwrkit_is_client() ? '' : ',admin,revert,draft,check');

// Addresses come from Apache, never from a header that anybody can send.
$conf['trustedproxy'] = '';
$conf['canonical'] = 0;
$conf['basedir'] = '';
$conf['userewrite'] = ($conf['userewrite'] == 2) ? 2 : 0;

// No mail, no network, no other programs.
$conf['subscribers'] = 0;
$conf['notify'] = '';
$conf['updatecheck'] = 0;
$conf['fetchsize'] = 0;
$conf['im_convert'] = '';
$conf['jquerycdn'] = 0;
$conf['dnslookups'] = 0;
$conf['sitemap'] = 0;
$conf['allowdebug'] = 0;
$conf['gzip_output'] = 0; // the footer is added to what PHP wrote
$conf['xsendfile'] = 0;
$conf['dontlog'] = 'debug,deprecated';
