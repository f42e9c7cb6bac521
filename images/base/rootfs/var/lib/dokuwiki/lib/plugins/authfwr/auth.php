<?php

use dokuwiki\Extension\AuthPlugin;

/**
 * Who one is: on a client node its citizen, from the container's environment; on a server nobody. There are no users and no passwords.
 */
class auth_plugin_authfwr extends AuthPlugin
{
    private const NAME = '/^[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*$/D';

    /** Say what this can do. */
    public function __construct()
    {
        parent::__construct();
        $this->cando['external'] = true;
        $this->success = true;
    }

    /** @inheritdoc */
    public function trustExternal($user, $pass, $sticky = false)
    {
        global $USERINFO, $INPUT;
        $citizen = fwrkit_is_client() ? $this->getUserData((string)getenv('FWRKIT_CITIZEN')) : false;
        if (!$citizen) {
            $INPUT->server->remove('REMOTE_USER');
            return false;
        }
        $USERINFO = $citizen;
        $INPUT->server->set('REMOTE_USER', $citizen['name']);
        $_SESSION[DOKU_COOKIE]['auth'] = ['user' => $citizen['name'], 'pass' => '', 'info' => $citizen, 'buid' => auth_browseruid(), 'time' => time()];
        return true;
    }

    /** @inheritdoc */
    public function getUserData($user, $requireGroups = true)
    {
        // everybody who can be named in a changelog is a citizen
        return preg_match(self::NAME, $user) ? ['name' => $user, 'mail' => '', 'grps' => ['citizen']] : false;
    }

    /** @inheritdoc */
    public function useSessionCache($user)
    {
        return false;
    }
}
