<?php
/**
 * How a wiki writes in a world that others write, too: nothing is replaced that its author has not seen.
 *
 * The sync agent places what arrives with renameat2(RENAME_EXCHANGE), and looks at what it has displaced. Here it is the same: a content changes
 * places with what lies in the world, and what was displaced is compared with what the author has seen. If it is something else, it goes back. So
 * between the last look and the write there is no time in which anything can arrive, from whichever side.
 *
 * What a form was made from is known by its content: the hash goes along in the form (`fwrbase`), the text is kept beside the world.
 * See docs/web.md; the changes of the engine that call this are in patch-dokuwiki.
 */

use dokuwiki\ChangeLog\PageChangeLog;

/** Something else lies there than the caller has seen: look again. */
class FwrkitRaced extends RuntimeException
{
}

/** The page is not the one that the form was made from, and a merge is not possible: its author decides. */
class FwrkitBehind extends RuntimeException
{
}

/** The disk did not take it. */
class FwrkitUnwritable extends RuntimeException
{
}

/** A content and the time of its file (Unix seconds), read from one and the same file; $content is null if there is none. */
final class FwrkitSeen
{
    public function __construct(public readonly ?string $content, public readonly int $when = 0, public readonly int $mode = 0644)
    {
    }

    /** The content as a text of a page, as the engine reads it. */
    public function text(): string
    {
        return $this->content === null ? '' : cleanText($this->content);
    }
}

/** Read a file. What is exchanged meanwhile makes no mixture: content and time are those of one file. */
function fwrkit_look(string $file): FwrkitSeen
{
    clearstatcache(true, $file);
    $handle = is_file($file) ? @fopen($file, 'rb') : false;
    if (!$handle) {
        return new FwrkitSeen(null);
    }
    $content = (string)stream_get_contents($handle);
    $status = fstat($handle);
    fclose($handle);
    return new FwrkitSeen($content, (int)$status['mtime'], $status['mode'] & 0777);
}

/** The name of a new file beside the world, on the same filesystem, that nobody else knows. */
function fwrkit_fresh(): string
{
    return FWRKIT_KEPT . 'writing/' . bin2hex(random_bytes(12));
}

/**
 * Put a content where, as far as its author knows, $seen lies; with that time (Unix seconds), 0 for now. Return false, with nothing changed, if
 * something else lies there. Throw FwrkitUnwritable.
 */
function fwrkit_put(string $file, string $content, FwrkitSeen $seen, int $when = 0): bool
{
    io_makeFileDir($file);
    $fresh = fwrkit_fresh();
    if (@file_put_contents($fresh, $content) !== strlen($content)) {
        @unlink($fresh);
        throw new FwrkitUnwritable("There is no room for $file.");
    }
    chmod($fresh, $seen->content === null ? ($GLOBALS['conf']['fperm'] ?: 0644) : $seen->mode);
    if ($when) {
        touch($fresh, $when);
    }
    if ($seen->content === null) {
        return fwrkit_move_in($fresh, $file);
    }
    return fwrkit_exchange($fresh, $file, static fn(string $displaced): bool => @file_get_contents($displaced) === $seen->content);
}

/** Move a fresh file to where nothing is. Return false if something is; then the fresh one is gone. Throw FwrkitUnwritable. */
function fwrkit_move_in(string $fresh, string $file): bool
{
    try {
        if (fwrkit_move_to($fresh, $file)) {
            return true;
        }
    } catch (FwrkitUnwritable $unwritable) {
        @unlink($fresh);
        throw $unwritable;
    }
    unlink($fresh);
    return false;
}

/**
 * Keep the sync agent from placing anything in this site for as long as what is returned is kept: a moment. It takes the same lock (agent/citizen/placing.py).
 * Each of the two puts back what it has displaced unseen; of two that put back at once, one would put back what the other has just taken away.
 */
function fwrkit_alone()
{
    $handle = fopen(FWRKIT_KEPT . 'lock', 'c');
    if ($handle) {
        flock($handle, LOCK_EX);
    }
    return $handle;
}

/**
 * Let a fresh file change places with one of the world. $is_seen looks at what was displaced, whose new name it gets: if it says no, that goes back
 * and false is returned. Either way nothing is left of the fresh one. Throw FwrkitUnwritable.
 */
function fwrkit_exchange(string $fresh, string $file, callable $is_seen): bool
{
    clearstatcache();
    $ours = fileinode($fresh);
    $alone = fwrkit_alone();
    $error = fwrkit_rename($fresh, $file, FWRKIT_EXCHANGE);
    if ($error === 0) {
        if ($is_seen($fresh)) {
            @unlink($fresh); // it may have been moved on
            return true;
        }
        if (fwrkit_rename($fresh, $file, FWRKIT_EXCHANGE) !== 0) {
            // it was removed meanwhile: what was displaced is the newest that there is
            fwrkit_rename($fresh, $file, FWRKIT_NOREPLACE);
            return false;
        }
        clearstatcache();
        if (@fileinode($fresh) === $ours) {
            unlink($fresh);
        } else {
            fwrkit_keep_beside($fresh, $file); // somebody wrote in between, over ours
        }
        return false;
    }
    if ($error === 2) { // ENOENT: it was removed meanwhile
        unlink($fresh);
        return false;
    }
    if (!$is_seen($file)) {
        unlink($fresh);
        return false;
    }
    try {
        return fwrkit_plain_rename($fresh, $file);
    } catch (FwrkitUnwritable $unwritable) {
        @unlink($fresh);
        throw $unwritable;
    }
}

/** Rename over whatever is there. Throw FwrkitUnwritable, with both files as they were. */
function fwrkit_plain_rename(string $from, string $to): bool
{
    if (!@rename($from, $to)) {
        throw new FwrkitUnwritable("$to could not be written.");
    }
    return true;
}

/** Move a file to where nothing is. Return false if something is. Throw FwrkitUnwritable. */
function fwrkit_move_to(string $from, string $to): bool
{
    $error = fwrkit_rename($from, $to, FWRKIT_NOREPLACE);
    if ($error !== 0 && $error !== 17) { // EEXIST; anything else: a filesystem that can not tell. The last look is as late as it can be
        clearstatcache(true, $to);
        return !file_exists($to) && fwrkit_plain_rename($from, $to);
    }
    return $error === 0;
}

/** Remove a file that is what its author has seen. Return false, with nothing changed, if it is not. */
function fwrkit_remove(string $file, FwrkitSeen $seen): bool
{
    return fwrkit_move_out($file, static fn(string $displaced): bool => @file_get_contents($displaced) === $seen->content);
}

/** Take a file out of the world. $is_seen looks at it under its new name: if it says no, it goes back, and false is returned. */
function fwrkit_move_out(string $file, callable $is_seen): bool
{
    $fresh = fwrkit_fresh();
    $alone = fwrkit_alone();
    if (fwrkit_rename($file, $fresh, FWRKIT_NOREPLACE) !== 0) {
        clearstatcache(true, $file);
        return file_exists($file) && $is_seen($file) && @unlink($file);
    }
    if ($is_seen($fresh)) {
        @unlink($fresh);
        return true;
    }
    if (fwrkit_rename($fresh, $file, FWRKIT_NOREPLACE) !== 0) {
        fwrkit_keep_beside($fresh, $file);
    }
    return false;
}

/** Keep a content under the name of a conflict copy (agent/paths.py) beside the file that has its place. */
function fwrkit_keep_beside(string $fresh, string $file): void
{
    $name = pathinfo($file, PATHINFO_FILENAME);
    $extension = pathinfo($file, PATHINFO_EXTENSION);
    for ($attempt = 1; $attempt < 100; $attempt++) {
        $mark = sprintf(' (conflict %s %s%s)', getenv('FWRKIT_CITIZEN'), gmdate('Y-m-d H.i.s'), $attempt > 1 ? " $attempt" : '');
        $room = 255 - strlen($mark) - strlen($extension) - 1;
        $beside = dirname($file) . '/' . mb_strcut($name, 0, $room) . $mark . ($extension === '' ? '' : ".$extension");
        if (fwrkit_move_to($fresh, $beside)) {
            return;
        }
    }
}

/** Change a file that programs read, change and write: $change gets its content and returns the new one, anew if somebody else wrote meanwhile. */
function fwrkit_update(string $file, callable $change): bool
{
    for ($round = 0; $round < 20; $round++) {
        $seen = fwrkit_look($file);
        $content = $change((string)$seen->content);
        if ($content === $seen->content || fwrkit_put($file, $content, $seen)) {
            return true;
        }
    }
    return false;
}

/** Of two requests of this machine that save the same page, one waits. The lock ends with what is returned. */
function fwrkit_lock(string $name)
{
    $handle = fopen($GLOBALS['conf']['lockdir'] . '/fwrkit-' . hash('sha256', $name), 'c');
    if ($handle) {
        flock($handle, LOCK_EX);
    }
    return $handle;
}

/** Remember what a form is made from, and return its hash. */
function fwrkit_remember(string $text): string
{
    $hash = hash('sha256', $text);
    $file = FWRKIT_KEPT . "bases/$hash";
    if (!@touch($file) || filesize($file) !== strlen($text)) {
        @file_put_contents("$file.new", $text);
        @rename("$file.new", $file);
    }
    return $hash;
}

/** The text that a hash is of, null if it is not known any more. */
function fwrkit_remembered(string $hash): ?string
{
    if ($hash === hash('sha256', '')) {
        return '';
    }
    $text = preg_match('/^[0-9a-f]{64}$/D', $hash) ? @file_get_contents(FWRKIT_KEPT . "bases/$hash") : false;
    return $text !== false && hash('sha256', $text) === $hash ? $text : null;
}

/** What a form that was sent was made from: a hash, '?' if it does not say. */
function fwrkit_sent_base(): string
{
    return fwrkit_hash_or_none($GLOBALS['INPUT']->post->str('fwrbase'));
}

/** The same of what a link or a form asks for. */
function fwrkit_asked_base(): string
{
    return fwrkit_hash_or_none($GLOBALS['INPUT']->str('fwrbase'));
}

function fwrkit_hash_or_none(string $hash): string
{
    return preg_match('/^[0-9a-f]{64}$/D', $hash) ? $hash : '?';
}

/** An edit form begins: note what it is made from. The texts that it shows have just been read. */
function fwrkit_form_begins(string $id): void
{
    global $INPUT, $INFO, $REV, $PRE, $TEXT, $SUF, $FWRKIT_FORM;
    if ($INPUT->post->has('fwrbase')) {
        $FWRKIT_FORM = fwrkit_sent_base(); // a preview, or a draft: made from what the first form was made from
    } elseif ($INPUT->post->has('wikitext')) {
        $FWRKIT_FORM = '?'; // its author has seen no page
    } elseif ($REV) {
        $FWRKIT_FORM = fwrkit_remember(fwrkit_look(wikiFN($id))->text());
    } else {
        $FWRKIT_FORM = fwrkit_remember($INFO['exists'] ? $PRE . $TEXT . $SUF : '');
    }
}

/**
 * Given a text that was made from what the form says, and the page as it is now: return what is to be saved, and its summary. Throw FwrkitBehind
 * where both changed the same lines, or where nobody knows what the text was made from.
 *
 * @return array{string, string}
 */
function fwrkit_reconcile(string $id, string $text, string $summary, FwrkitSeen $now): array
{
    $sent = $GLOBALS['FWRKIT_SENT'][$id] ?? null;
    if ($sent === null || $text === $now->text()) {
        return [$text, $summary]; // nobody made it from a form, or it is there already
    }
    if ($sent === hash('sha256', $now->text()) || ($sent === '?' && $now->content === null)) {
        return [$text, $summary];
    }
    $base = fwrkit_remembered($sent);
    if ($base === null || trim($text) === '' || $now->content === null) {
        throw new FwrkitBehind();
    }
    if (rtrim($text, "\n") === rtrim($base, "\n")) {
        return [$now->text(), $summary]; // nothing was changed in it: what came meanwhile stays
    }
    $merged = fwrkit_merge($base, $now->text(), $text);
    if ($merged === null) {
        throw new FwrkitBehind();
    }
    // what is saved is made from the page as it is now
    $GLOBALS['FWRKIT_SENT'][$id] = fwrkit_remember($now->text());
    return [$merged, str_contains($summary, '(merged with ') ? $summary : trim($summary . ' (' . fwrkit_merged_with($id) . ')')];
}

/**
 * Put a text in the place of a page, with that time (Unix seconds). Where something arrives between the look and the write, merge again: the next look
 * is a millisecond old. Return what was written and its summary, null if it was made from no form and something arrived. Throw FwrkitBehind.
 *
 * @return array{string, string}|null
 */
function fwrkit_put_page(string $file, string $id, string $text, string $summary, FwrkitSeen $seen, int $moment): ?array
{
    for ($round = 0; $round < 50; $round++) {
        if (fwrkit_put($file, $text, $seen, $moment)) {
            return [$text, $summary];
        }
        if (!isset($GLOBALS['FWRKIT_SENT'][$id])) {
            return null;
        }
        $seen = fwrkit_look($file);
        [$text, $summary] = fwrkit_reconcile($id, $text, $summary, $seen);
    }
    return null;
}

/** "merged with the edit of bob": of whoever wrote what lies there now. */
function fwrkit_merged_with(string $id): string
{
    $info = (new PageChangeLog($id))->getCurrentRevisionInfo();
    $author = is_array($info) && $info['user'] !== '' ? $info['user'] : '';
    return 'merged with the edit ' . ($author === '' ? 'that came meanwhile' : "of $author");
}

/**
 * Merge two successors of a text line by line, as `git merge-file` does on the server. Return null where both changed the same lines, or lines with
 * none between them.
 */
function fwrkit_merge(string $base, string $theirs, string $ours): ?string
{
    if (!str_ends_with($ours, "\n")) { // a browser may leave it out; a last line without it is the same line
        $merged = fwrkit_merge($base, $theirs, "$ours\n");
        return $merged === null ? null : substr($merged, 0, -1);
    }
    $old = fwrkit_lines($base);
    $changes = [];
    foreach ([$theirs, $ours] as $side => $text) {
        foreach (fwrkit_changes($old, fwrkit_lines($text)) as [$from, $to, $lines]) {
            $changes[] = [$from, $to, $lines, $side];
        }
    }
    usort($changes, static fn(array $a, array $b): int => [$a[0], $a[1]] <=> [$b[0], $b[1]]);
    $merged = [];
    $position = 0; // in the old text
    foreach ($changes as $number => [$from, $to, $lines, $side]) {
        $before = $changes[$number - 1] ?? null;
        if ($before !== null && $before[3] !== $side && $from <= $before[1]) {
            if ([$before[0], $before[1], $before[2]] === [$from, $to, $lines]) {
                continue; // both did the same
            }
            return null;
        }
        array_push($merged, ...array_slice($old, $position, $from - $position), ...$lines);
        $position = $to;
    }
    array_push($merged, ...array_slice($old, $position));
    return implode('', $merged);
}

/** @return string[] with their ends */
function fwrkit_lines(string $text): array
{
    $text .= $text === '' || str_ends_with($text, "\n") ? '' : "\n";
    return $text === '' ? [] : preg_split('/(?<=\n)(?!\z)/', $text);
}

/**
 * What was made of lines: which of the old ones, from and up to (not with) which number, became which new ones, in their order.
 *
 * @return array<array{int, int, string[]}>
 */
function fwrkit_changes(array $old, array $new): array
{
    $changes = [];
    $position = 0;
    foreach ((new Diff($old, $new))->edits as $edit) {
        $removed = is_array($edit->orig) ? count($edit->orig) : 0;
        if ($edit->type !== 'copy') {
            $changes[] = [$position, $position + $removed, is_array($edit->closing) ? $edit->closing : []];
        }
        $position += $removed;
    }
    return $changes;
}

/** When a version of a page counts as saved: now, but later than all that is known of it, and under a date that no old version has. */
function fwrkit_moment(string $id, FwrkitSeen $now): int
{
    $moment = max(time(), $now->when + 1, (int)(new PageChangeLog($id))->lastRevision() + 1);
    while (file_exists(wikiFN($id, $moment))) {
        $moment++;
    }
    return $moment;
}

/**
 * Put an uploaded or changed media file in its place ($move is the engine's own way to get it, a function's name). What it replaces is an old
 * version afterwards, whichever it was: see fwrkit_keep_media.
 */
function fwrkit_place_media(string $move, string $from, string $file, string $id): bool
{
    $fresh = fwrkit_fresh();
    if (!$move($from, $fresh)) {
        @unlink($fresh);
        return false;
    }
    chmod($fresh, $GLOBALS['conf']['fmode']);
    $alone = fwrkit_alone();
    for ($round = 0; $round < 20; $round++) {
        clearstatcache();
        touch($fresh, max(time(), (int)@filemtime($file) + 1));
        $error = fwrkit_rename($fresh, $file, file_exists($file) ? FWRKIT_EXCHANGE : FWRKIT_NOREPLACE);
        if ($error === 0) {
            if (file_exists($fresh)) {
                fwrkit_keep_media($fresh, $id);
            }
            return true;
        }
        if ($error !== 2 && $error !== 17) { // ENOENT, EEXIST: it came or went; else a filesystem that can not exchange
            $old = fwrkit_fresh();
            if (file_exists($file) && copy($file, $old) && touch($old, (int)filemtime($file))) {
                fwrkit_keep_media($old, $id);
            }
            if (@rename($fresh, $file)) {
                return true;
            }
            break;
        }
    }
    @unlink($fresh);
    return false;
}

/** Take a media file away; it is an old version afterwards. */
function fwrkit_remove_media(string $file, string $id): bool
{
    $fresh = fwrkit_fresh();
    if (!file_exists($file) || !fwrkit_move_to($file, $fresh)) {
        return false;
    }
    fwrkit_keep_media($fresh, $id);
    return true;
}

/** What was displaced of a media file becomes an old version, if it is none yet: it may have come a moment ago. */
function fwrkit_keep_media(string $displaced, string $id): void
{
    clearstatcache();
    $old = mediaFN($id, (int)filemtime($displaced));
    if (!$GLOBALS['conf']['mediarevisions'] || (is_file($old) && hash_file('sha256', $old) === hash_file('sha256', $displaced))) {
        unlink($displaced);
        return;
    }
    io_makeFileDir($old);
    $moment = (int)filemtime($displaced);
    while (!fwrkit_move_to($displaced, mediaFN($id, $moment))) {
        touch($displaced, ++$moment);
    }
}

/** Where the settings of a wiki are. */
function fwrkit_settings_file(): string
{
    return end($GLOBALS['config_cascade']['main']['local']);
}

/**
 * Of the settings that a form brings, those that its author has changed in it: the form has all of them, and others may have changed meanwhile. Throw
 * FwrkitBehind, with a sentence, if somebody else has changed the same one.
 */
function fwrkit_my_settings(dokuwiki\plugin\config\core\Configuration $now, array $posted): array
{
    global $config_cascade;
    $base = fwrkit_sent_base();
    if (fwrkit_remembered($base) === null) {
        throw new FwrkitBehind('Nobody knows any more what this form was made from: nothing was saved. The settings are shown as they are now.');
    }
    fwrkit_remember(fwrkit_remembered($base)); // none at all have no file yet
    $local = $config_cascade['main']['local'];
    $config_cascade['main']['local'] = [FWRKIT_KEPT . "bases/$base"];
    $then = new dokuwiki\plugin\config\core\Configuration();
    $config_cascade['main']['local'] = $local;
    $value = static fn($setting): string => $setting->shouldBeSaved() ? $setting->out('conf', 'php') : '';
    $mine = [];
    $both = [];
    foreach ($then->getSettings() as $key => $setting) {
        $before = $value($setting);
        if (!$setting->update($posted[$key] ?? null) && !$setting->hasError()) {
            continue;
        }
        $mine[$key] = $posted[$key] ?? null;
        $current = $now->getSettings()[$key] ?? null;
        if ($current !== null && $value($current) !== $before && (clone $current)->update($mine[$key])) {
            $both[] = $key;
        }
    }
    if ($both) {
        throw new FwrkitBehind('Somebody else has changed this, too, since you opened the form: ' . implode(', ', $both)
            . '. Nothing was saved. The settings are shown as they are now.');
    }
    return $mine;
}

const FWRKIT_MERGE_SECONDS = 3; // a text that the server has merged is one second younger than what it was merged from; of several merges, some
const FWRKIT_TOGETHER = 120; // seconds: edits that can only have been made at the same time
const FWRKIT_LOOK_BACK = 6; // versions

/**
 * Given what the engine would say of a file whose time is not that of its changelog's last line: name the authors, where the changelog knows them.
 * Nobody but the sync agent merges (its time is one second after both edits, see architecture.md) or leaves a file older than its changelog's last line
 * (that one lost, and is beside it as a conflict copy).
 */
function fwrkit_name_authors(array $info, int|false $fileRev, int|false $lastRev, string $file): array
{
    if (!$fileRev || !$lastRev) {
        return $info;
    }
    $is_page = $info['mode'] === dokuwiki\ChangeLog\RevisionInfo::MODE_PAGE;
    $lines = fwrkit_last_lines($is_page ? metaFN($info['id'], '.changes') : mediaMetaFN($info['id'], '.changes'));
    if ($fileRev < $lastRev) {
        foreach ($lines as $line) {
            if ($line['date'] === $fileRev && $line['user'] !== '') {
                return ['user' => $line['user'], 'ip' => $line['ip'], 'sum' => trim("{$line['sum']} (kept; a later version is beside it)")] + $info;
            }
        }
        return $info;
    }
    if (!$is_page || $fileRev - $lastRev > FWRKIT_MERGE_SECONDS) {
        return $info;
    }
    $authors = fwrkit_merged_authors($info['id'], fwrkit_look($file)->text(), $lines);
    if ($authors === null) {
        return $info;
    }
    [$earlier, $later] = $authors;
    return ['user' => $later['user'], 'ip' => $later['ip'], 'sum' => "the edits of {$earlier['user']} and {$later['user']}, merged"] + $info;
}

/** @return array[] the last lines of a changelog as the engine reads them, the newest first */
function fwrkit_last_lines(string $file): array
{
    $text = (string)@file_get_contents($file, false, null, max(0, (int)@filesize($file) - 8192));
    $lines = array_map([dokuwiki\ChangeLog\ChangeLog::class, 'parseLogLine'], explode("\n", $text));
    return array_reverse(array_filter($lines));
}

/**
 * Find the two versions of a page of which a text is the merge: exactly, from its old versions; else two of different authors that were saved within
 * two minutes. Return their lines, the earlier first, or null.
 */
function fwrkit_merged_authors(string $id, string $merged, array $lines): ?array
{
    $lines = array_slice(array_values(array_filter($lines, static fn(array $line): bool => $line['user'] !== '')), 0, FWRKIT_LOOK_BACK);
    $known = $GLOBALS['conf']['cachedir'] . '/fwrkit-merged-' . hash('sha256', $id . $merged . serialize($lines));
    $pair = strlen($merged) > 262144 ? null : @unserialize((string)@file_get_contents($known));
    if (!is_array($pair)) {
        $pair = strlen($merged) > 262144 ? [] : fwrkit_merged_pair($id, $merged, $lines);
        io_saveFile($known, serialize($pair));
    }
    if ($pair) {
        return [$lines[$pair[1]], $lines[$pair[0]]];
    }
    foreach ($lines as $number => $later) {
        foreach (array_slice($lines, $number + 1) as $earlier) {
            if ($earlier['user'] !== $later['user']) {
                return $later['date'] - $earlier['date'] <= FWRKIT_TOGETHER ? [$earlier, $later] : null;
            }
        }
    }
    return null;
}

/** @return int[] which two of these lines' versions, with which third as what both were made from, give the text; the newest first; or none */
function fwrkit_merged_pair(string $id, string $merged, array $lines): array
{
    $texts = array_map(static fn(array $line): string => (string)io_readFile(wikiFN($id, $line['date'])), $lines);
    $count = count($lines);
    for ($later = 0; $later < $count; $later++) {
        for ($earlier = $later + 1; $earlier < $count; $earlier++) {
            if ($lines[$earlier]['user'] === $lines[$later]['user'] || $texts[$earlier] === '' || $texts[$later] === '') {
                continue;
            }
            for ($base = $earlier + 1; $base < $count; $base++) {
                if (fwrkit_merge($texts[$base], $texts[$earlier], $texts[$later]) === $merged) {
                    return [$later, $earlier];
                }
            }
        }
    }
    return [];
}
