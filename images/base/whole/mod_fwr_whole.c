/* Serves a file whole while it is being replaced.
 *
 * Apache's default handler takes the length of its answer from the stat() made when the address was mapped to a file, and opens the file later.
 * Between the two another file may have been renamed over it, as happens to every page that arrives here: then the new file is sent cut to the
 * old one's length, under the old one's ETag. (lighttpd had and mended the same: its issue 2655.) Here the file is opened first, and all that
 * is said of it is said of what was opened. Everything but a plain file that is asked for is left to the default handler, errors too.
 *
 * Loaded by common.conf; tests/web/test_whole.py shows what it is for.
 */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "apr_buckets.h"
#include "apr_file_io.h"
#include "apr_strings.h"
#include "util_filter.h"

static int serve(request_rec *r)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_bucket_brigade *brigade;
    apr_bucket *content;
    int status;

    if ((r->method_number != M_GET && r->method_number != M_POST) || r->finfo.filetype != APR_REG || (r->path_info && *r->path_info))
        return DECLINED;
    if (r->handler && strcmp(r->handler, AP_DEFAULT_HANDLER_NAME) && (!r->content_type || strcmp(r->handler, r->content_type)))
        return DECLINED;
    if (apr_file_open(&file, r->filename, APR_READ | APR_BINARY, APR_OS_DEFAULT, r->pool) != APR_SUCCESS)
        return DECLINED;
    if (apr_file_info_get(&info, APR_FINFO_NORM, file) != APR_SUCCESS || info.filetype != APR_REG) {
        apr_file_close(file);
        return DECLINED;
    }
    if ((status = ap_discard_request_body(r)) != OK)
        return status;
    r->finfo = info;

    /* as the default handler does it, with the file's own figures */
    ap_update_mtime(r, info.mtime);
    ap_set_last_modified(r);
    ap_set_etag_fd(r, file);
    ap_set_accept_ranges(r);
    ap_set_content_length(r, info.size);
    brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    if ((status = ap_meets_conditions(r)) == OK) {
        content = apr_brigade_insert_file(brigade, file, 0, info.size, r->pool);
        /* a page that somebody truncates in place while it is mapped would end this process by SIGBUS */
        apr_bucket_file_enable_mmap(content, 0);
    } else {
        apr_file_close(file);
        r->status = status;
    }
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(r->connection->bucket_alloc));
    return ap_pass_brigade_fchk(r, brigade, "fwr_whole: the answer could not be sent");
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    /* after every handler that is asked for by name, before the default handler, which is really last */
    ap_hook_handler(serve, NULL, NULL, APR_HOOK_LAST);
}

AP_DECLARE_MODULE(fwr_whole) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0};
