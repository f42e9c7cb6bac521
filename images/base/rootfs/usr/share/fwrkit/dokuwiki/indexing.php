<?php
/**
 * The search index of what a wiki has. A page that it can not take is left out and said, once: it keeps no other page from being found.
 */

const FWRKIT_INDEX_LIMIT = 4194304; // bytes of a page's text: beyond it, nobody has to try

/** Put a page into the index if it has changed since. A page that ended the process that indexed it, twice, counts as too large. */
function fwrkit_index(string $id): void
{
    global $conf;
    $one_at_a_time = fopen($conf['lockdir'] . '/fwrkit-index', 'c');
    if (!$one_at_a_time || !flock($one_at_a_time, LOCK_EX | LOCK_NB)) {
        return;
    }
    @rmdir($conf['lockdir'] . '/_indexer.lock'); // of one that was ended: the engine would wait five minutes for it
    $file = wikiFN($id);
    $left_out = $conf['localdir'] . '/left-out/' . hash('sha256', $id);
    $begun = $conf['localdir'] . '/begun/' . hash('sha256', $id);
    if (is_file($left_out) && filemtime($left_out) >= fwrkit_changed($file)) {
        return;
    }
    $tries = (int)@file_get_contents($begun);
    if ((int)@filesize($file) > FWRKIT_INDEX_LIMIT || $tries >= 2) {
        io_saveFile($left_out, '');
        @unlink($begun);
        error_log("The page $id of " . fwrkit_site() . ' is too large for the search index. Nobody finds it by its words until it is made smaller.');
        return;
    }
    if (idx_get_version() === trim((string)@file_get_contents(metaFN($id, '.indexed'))) && @filemtime(metaFN($id, '.indexed')) > fwrkit_changed($file)) {
        return;
    }
    io_saveFile($begun, (string)($tries + 1));
    idx_addPage($id);
    @unlink($begun);
}
