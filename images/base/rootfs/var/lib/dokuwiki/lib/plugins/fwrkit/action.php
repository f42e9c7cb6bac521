<?php

use dokuwiki\ChangeLog\ChangeLog;
use dokuwiki\Extension\ActionPlugin;
use dokuwiki\Extension\Event;
use dokuwiki\Extension\EventHandler;

/**
 * What a wiki has to do otherwise when it is one copy of many: reading changes nothing that travels, a server's visitors only read, and what only
 * the lost metadata of another machine knew is taken from the changelog.
 */
class action_plugin_fwrkit extends ActionPlugin
{
    private const RECENT_BYTES = 128 * 1024; // beyond it the list of recent changes is cut to its newer half: every save sends it to everybody

    /** @inheritdoc */
    public function register(EventHandler $controller)
    {
        $controller->register_hook('INDEXER_TASKS_RUN', 'BEFORE', $this, 'index');
        $controller->register_hook('COMMON_WIKIPAGE_SAVE', 'AFTER', $this, 'trim');
        $controller->register_hook('PARSER_METADATA_RENDER', 'BEFORE', $this, 'remember');
        $controller->register_hook('AUTH_ACL_CHECK', 'AFTER', $this, 'cap');
    }

    /** What a browser triggers with each page that it shows: index that page, and nothing else. */
    public function index(Event $event)
    {
        global $ID;
        $event->preventDefault();
        if ((string)$ID !== '') {
            idx_addPage($ID);
        }
    }

    /** The engine cuts the list of recent changes when somebody reads; here it is done by whoever saves, since it changes the world. */
    public function trim(Event $event)
    {
        global $conf;
        foreach ([$conf['changelog'], $conf['media_changelog']] as $file) {
            if (@filesize($file) > self::RECENT_BYTES) {
                $text = (string)file_get_contents($file);
                io_saveFile($file, substr($text, (int)strpos($text, "\n", intdiv(strlen($text), 2)) + 1));
            }
        }
    }

    /** Who made a page, and when, stands in the first line of its changelog; the metadata that would say so do not travel. */
    public function remember(Event $event)
    {
        $persistent = &$event->data['persistent'];
        $file = @fopen(metaFN($event->data['page'], '.changes'), 'rb');
        if (!$file) {
            return;
        }
        $first = ChangeLog::parseLogLine((string)fgets($file, 8192));
        fclose($file);
        if ($first) {
            $persistent['date']['created'] = $first['date'];
            $persistent['user'] = $first['user'];
            $persistent['creator'] = $first['user'];
        }
    }

    /** Whatever the rules in the world say: on a server one reads. */
    public function cap(Event $event)
    {
        if (!fwrkit_is_client() && $event->result > AUTH_READ) {
            $event->result = AUTH_READ;
        }
    }
}
