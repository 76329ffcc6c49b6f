#pragma once
#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>

// MHD_start_daemon is variadic, which Swift can't call.

struct etl_http_limits {
    unsigned int connections;
    unsigned int timeout_seconds;
    // For each connection: its request line and headers have to fit.
    size_t memory_bytes;
};

// One thread of the library's own serves all connections. `certificate` and `key`: PEM, or both null; they must live as long as
// the daemon. Null: it could not be started, and errno may say why.
static inline struct MHD_Daemon *etl_http_start(
    const struct sockaddr *address, int is_ipv6, struct etl_http_limits limits, const char *certificate, const char *key,
    MHD_AccessHandlerCallback handle, MHD_RequestCompletedCallback completed, MHD_LogCallback log, void *context)
{
    unsigned int flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG;
    if (is_ipv6) flags |= MHD_USE_IPv6;
    if (certificate) flags |= MHD_USE_TLS;
    // The log callback has to come first: it is for the other options' errors too.
    struct MHD_OptionItem common[] = {
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)log, context},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)completed, context},
        {MHD_OPTION_SOCK_ADDR, 0, (void *)address},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)limits.connections, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)limits.timeout_seconds, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)limits.memory_bytes, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
        // TLS 1.2 and newer.
        {MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    if (certificate) {
        return MHD_start_daemon(
            flags, 0, NULL, NULL, handle, context, MHD_OPTION_ARRAY, common, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, handle, context, MHD_OPTION_ARRAY, common, MHD_OPTION_END);
}

// 0: unknown.
static inline unsigned short etl_http_port(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}
