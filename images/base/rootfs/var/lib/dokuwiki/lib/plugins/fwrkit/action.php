<?php

use dokuwiki\ChangeLog\ChangeLog;
use dokuwiki\Draft;
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
        $controller->register_hook('FORM_EDIT_OUTPUT', 'BEFORE', $this, 'sayFromWhat');
        $controller->register_hook('FORM_CONFLICT_OUTPUT', 'BEFORE', $this, 'sayFromNow');
        $controller->register_hook('FORM_DRAFT_OUTPUT', 'BEFORE', $this, 'sayFromDraft');
        $controller->register_hook('DRAFT_SAVE', 'BEFORE', $this, 'keepInDraft');
    }

    /** What a browser triggers with each page that it shows: index that page, and nothing else. */
    public function index(Event $event)
    {
        global $ID;
        $event->preventDefault();
        if ((string)$ID !== '') {
            require_once FWRKIT_OWN . 'indexing.php';
            fwrkit_index($ID);
        }
    }

    /** The engine cuts the list of recent changes when somebody reads; here it is done by whoever saves, since it changes the world. */
    public function trim(Event $event)
    {
        global $conf;
        foreach ([$conf['changelog'], $conf['media_changelog']] as $file) {
            if (@filesize($file) > self::RECENT_BYTES) {
                fwrkit_update($file, static fn(string $text): string => substr($text, (int)strpos($text, "\n", intdiv(strlen($text), 2)) + 1));
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

    /** An edit form says what it was made from, by content: see writing.php. */
    public function sayFromWhat(Event $event)
    {
        $base = $GLOBALS['FWRKIT_FORM'] ?? '';
        if ($base !== '') {
            $event->data->setHiddenField('fwrbase', $base);
        }
    }

    /** The conflict page shows the page as it is now beside the author's text: to save that means to have seen both. */
    public function sayFromNow(Event $event)
    {
        global $ID;
        $event->data->setHiddenField('fwrbase', fwrkit_remember(fwrkit_look(wikiFN($ID))->text()));
    }

    /** A draft that is taken up again was made from what its first form was made from, whatever has arrived since. */
    public function sayFromDraft(Event $event)
    {
        global $ID, $INFO;
        $draft = unserialize((string)io_readFile((new Draft($ID, $INFO['client']))->getDraftFilename(), false), ['allowed_classes' => false]);
        $event->data->setHiddenField('fwrbase', is_array($draft) ? fwrkit_hash_or_none((string)($draft['fwrbase'] ?? '')) : '?');
        $event->data->setHiddenField('date', is_array($draft) ? (int)$draft['date'] : 0);
    }

    /** What a draft was made from is kept with it. */
    public function keepInDraft(Event $event)
    {
        $event->data['fwrbase'] = fwrkit_sent_base();
    }
}
