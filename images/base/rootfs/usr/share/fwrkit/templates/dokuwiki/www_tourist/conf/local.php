<?php
/*
 * The settings of the public wiki. They travel to everybody; the admin page of the wiki writes them.
 */
$conf['title'] = 'Welcome';
$conf['tagline'] = 'A site that nobody owns alone';
$conf['license'] = '';
$conf['fnencode'] = 'utf-8';
$conf['useheading'] = '1';
$conf['breadcrumbs'] = 0;
$conf['youarehere'] = 1;
$conf['recent_days'] = 30;
$conf['dformat'] = '%Y-%m-%d %H:%M';
$conf['showuseras'] = 'username';
