/* run_opts.h - the words of `tokmark run` */
#ifndef TK_CLI_RUN_OPTS_H
#define TK_CLI_RUN_OPTS_H

#include "opt/opt.h"

struct tk_run_opts {
    /* load */
    int64_t concurrency;
    double rate;
    const char *arrival;
    double burstiness;
    const char *ramp, *stages, *spike, *ramp_curve;
    int64_t requests;
    tk_ns duration, grace;
    int64_t warmup;
    int64_t seed;
    const char *cancel_share, *cancel_after;
    /* requests */
    const char *data, *data_format;
    bool shuffle;
    int64_t words, output_tokens;
    const char *model, *api;
    bool stream;
    double temperature;
    bool ignore_eos;
    const char *extra;
    /* server */
    struct tk_opt_list header;
    const char *source_addresses;
    const char *unix_path, *request_id_prefix, *key_file, *ca_file;
    const char *cert_file, *cert_key_file, *cert_passphrase_file;
    bool insecure, new_connection;
    tk_ns timeout_connect, timeout_first, timeout_idle, timeout_total;
    bool sim;
    const char *sim_args;
    /* client */
    int64_t workers;
    bool realtime;
    const char *record;
    bool keep_text;
    int64_t record_memory;
    /* result */
    struct tk_opt_list slo;
    const char *percentiles, *json, *output, *resume;
    bool file, overwrite, dry_run, print_config, progress, plain, strict;
};

extern const struct tk_opt_command tk_run_command;

/* Index of an option in the table, for struct tk_opt_result.is_given. */
size_t tk_run_opt(const char *name);

#endif
