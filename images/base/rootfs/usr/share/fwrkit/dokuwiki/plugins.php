<?php
/**
 * Plugins come with the image only. These are what the wiki needs, and what would ask for passwords, mail or the network.
 */
$plugins['acl'] = 1;
$plugins['authfwr'] = 1;
$plugins['config'] = 1;
$plugins['fwrkit'] = 1;
$plugins['template:dokuwiki'] = 1;
$plugins['authad'] = 0;
$plugins['authldap'] = 0;
$plugins['authpdo'] = 0;
$plugins['authplain'] = 0;
$plugins['extension'] = 0;
$plugins['popularity'] = 0;
$plugins['safefnrecode'] = 0;
$plugins['usermanager'] = 0;
