/* One function for PHP: rename as the sync agent renames, so that a program can look at what it has displaced.
 *
 *     fwrkit_rename(string $from, string $to, int $how): int      0, or an error number of errno.h
 *
 * $how is FWRKIT_EXCHANGE (the two files change places in one step) or FWRKIT_NOREPLACE (fails with EEXIST where something is). PHP's own rename()
 * replaces whatever lies there, seen or unseen. open_basedir holds for both names, as it does for PHP's rename().
 * /usr/share/fwrkit/dokuwiki/writing.php uses it; applications of template php may.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "php.h"
#include "ext/standard/php_filestat.h"

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arginfo_fwrkit_rename, 0, 3, IS_LONG, 0)
    ZEND_ARG_TYPE_INFO(0, from, IS_STRING, 0)
    ZEND_ARG_TYPE_INFO(0, to, IS_STRING, 0)
    ZEND_ARG_TYPE_INFO(0, how, IS_LONG, 0)
ZEND_END_ARG_INFO()

PHP_FUNCTION(fwrkit_rename)
{
    char *from, *to;
    size_t from_length, to_length;
    zend_long how;

    ZEND_PARSE_PARAMETERS_START(3, 3)
        Z_PARAM_PATH(from, from_length)
        Z_PARAM_PATH(to, to_length)
        Z_PARAM_LONG(how)
    ZEND_PARSE_PARAMETERS_END();
    if (how != RENAME_EXCHANGE && how != RENAME_NOREPLACE)
        RETURN_LONG(EINVAL);
    if (*from != '/' || *to != '/')
        RETURN_LONG(EINVAL);
    if (php_check_open_basedir(from) || php_check_open_basedir(to))
        RETURN_LONG(EPERM);
    php_clear_stat_cache(1, from, from_length);
    php_clear_stat_cache(1, to, to_length);
    RETURN_LONG(renameat2(AT_FDCWD, from, AT_FDCWD, to, (unsigned int)how) ? errno : 0);
}

static const zend_function_entry functions[] = {PHP_FE(fwrkit_rename, arginfo_fwrkit_rename) PHP_FE_END};

PHP_MINIT_FUNCTION(fwrkit)
{
    REGISTER_LONG_CONSTANT("FWRKIT_EXCHANGE", RENAME_EXCHANGE, CONST_PERSISTENT);
    REGISTER_LONG_CONSTANT("FWRKIT_NOREPLACE", RENAME_NOREPLACE, CONST_PERSISTENT);
    (void)type;
    return SUCCESS;
}

zend_module_entry fwrkit_module_entry = {STANDARD_MODULE_HEADER, "fwrkit", functions, PHP_MINIT(fwrkit), NULL, NULL, NULL, NULL, "1", STANDARD_MODULE_PROPERTIES};

ZEND_GET_MODULE(fwrkit)
