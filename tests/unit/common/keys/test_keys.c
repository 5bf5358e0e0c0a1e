/* SPDX-License-Identifier: MIT */
/* Files and directories of keys, and what programs take from them. */
#include "common/clock.h"
#include "common/keys/key_directory.h"
#include "common/keys/key_source.h"
#include "common/log.h"
#include "common/process/process_handle.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <czmq.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], error[4096];
static int64_t now_us;

static void begin(void)
{
    cr_redirect_stderr();
    log_init("test", LOG_LEVEL_WARN);
    strcpy(directory, "/tmp/fanfold-keys-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(key_directory_make(directory, error, sizeof error), 0, "%s", error);
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(keys, .init = begin, .fini = end);

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static struct certificate read_certificate(const char *name, bool secret)
{
    struct certificate certificate;
    int result =
        certificate_read(path_of(name), secret, &certificate, error, sizeof error);
    cr_assert_eq(result, 0, "%s", error);
    return certificate;
}

static mode_t mode_of(const char *name)
{
    struct stat status;
    cr_assert_eq(stat(path_of(name), &status), 0);
    return status.st_mode & 07777;
}

Test(keys, are_made_for_each_role_and_private)
{
    static const char *const words[] = {"ventilator", "sink", "worker"};
    char name[64];
    cr_assert_eq(mode_of(""), 0700);
    struct certificate ventilator = read_certificate("ventilator.key", false);
    for (int i = 0; i < KEY_ROLE_COUNT; i++) {
        snprintf(name, sizeof name, "%s.key", words[i]);
        cr_assert_eq(mode_of(name), 0600);
        struct certificate public = read_certificate(name, false);
        strcat(name, "_secret");
        cr_assert_eq(mode_of(name), 0600);
        struct certificate secret = read_certificate(name, true);
        cr_assert_eq(public.role, (enum key_role)i);
        cr_assert_eq(secret.role, (enum key_role)i);
        cr_assert_str_eq(public.public_key, secret.public_key);
        cr_assert_str_empty(public.secret_key);
        if (i != KEY_VENTILATOR)
            cr_assert_str_eq(secret.ventilator, ventilator.public_key);
    }
}

Test(keys, are_in_the_format_of_czmq)
{
    zcert_t *zcert = zcert_load(path_of("worker.key_secret"));
    cr_assert_not_null(zcert);
    struct certificate worker = read_certificate("worker.key_secret", true);
    cr_assert_str_eq(zcert_public_txt(zcert), worker.public_key);
    cr_assert_str_eq(zcert_secret_txt(zcert), worker.secret_key);
    cr_assert_str_eq(zcert_meta(zcert, "role"), "worker");
    zcert_destroy(&zcert);
    zcert = zcert_new();
    zcert_set_meta(zcert, "role", "sink");
    cr_assert_eq(zcert_save(zcert, path_of("other.key")), 0);
    cr_assert_str_eq(read_certificate("other.key", false).public_key,
                     zcert_public_txt(zcert));
    cr_assert_str_eq(read_certificate("other.key_secret", true).secret_key,
                     zcert_secret_txt(zcert));
    zcert_destroy(&zcert);
}

Test(keys, that_are_there_stay)
{
    struct certificate before = read_certificate("worker.key_secret", true);
    cr_assert_eq(key_directory_make(directory, error, sizeof error), -EEXIST);
    cr_assert_not_null(strstr(error, directory), "%s", error);
    cr_assert_eq(key_directory_add(directory, "a", error, sizeof error), 0);
    cr_assert_eq(key_directory_add(directory, "a", error, sizeof error), -EEXIST);
    cr_assert_str_eq(read_certificate("worker.key_secret", true).secret_key,
                     before.secret_key);
}

Test(keys, that_others_can_read_are_refused)
{
    struct certificate certificate;
    cr_assert_eq(chmod(path_of("worker.key_secret"), 0640), 0);
    cr_assert_eq(certificate_read(path_of("worker.key_secret"), true, &certificate,
                                  error, sizeof error),
                 -EPERM);
    cr_assert_not_null(strstr(error, "chmod 600"), "%s", error);
    struct keyring *keyring = NULL;
    cr_assert_eq(chmod(directory, 0750), 0);
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), -EPERM);
    cr_assert_not_null(strstr(error, "chmod 700"), "%s", error);
    cr_assert_null(keyring);
}

Test(keys, that_are_damaged_are_refused_by_name)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "is empty"},
        {"nonsense\n", "role"},
        {"metadata\n    role = \"boss\"\n", "role"},
        {"metadata\n    role = \"worker\"\n", "public-key"},
        {"metadata\n    role = \"worker\"\ncurve\n    public-key = \"short\"\n",
         "public-key"},
        {"metadata\n role = worker\ncurve\n"
         " public-key = \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n"
         " secret-key = \"D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs\"\n",
         NULL},
        {"metadata\n role = worker\ncurve\n"
         " public-key = \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"\n"
         " secret-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n",
         "no pair"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct certificate certificate;
        FILE *file = fopen(path_of("worker.key_secret"), "w");
        fputs(cases[i].text, file);
        fclose(file);
        int result = certificate_read(path_of("worker.key_secret"), true, &certificate,
                                      error, sizeof error);
        cr_assert_eq(result, cases[i].says ? -EINVAL : 0, "%zu: %s", i, error);
        if (cases[i].says)
            cr_assert_not_null(strstr(error, cases[i].says), "%zu: %s", i, error);
    }
}

/* ---- the keyring ---- */

static enum key_standing standing_of(struct keyring *keyring, const char *key)
{
    enum key_role role = KEY_SINK;
    now_us += 2 * SECOND_US;
    keyring_tick(keyring, now_us);
    enum key_standing standing = keyring_find(keyring, key, &role);
    if (standing != KEY_UNKNOWN)
        cr_assert_eq(role, KEY_WORKER);
    return standing;
}

Test(keys, are_added_and_revoked_while_a_keyring_is_open)
{
    struct keyring *keyring = NULL;
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), 0);
    cr_assert_eq(key_directory_add(directory, "a", error, sizeof error), 0);
    struct certificate added = read_certificate("worker-a.key", false);
    cr_assert_eq(standing_of(keyring, added.public_key), KEY_KNOWN);
    cr_assert_eq(key_directory_revoke(directory, "worker-a", error, sizeof error), 0);
    cr_assert_eq(standing_of(keyring, added.public_key), KEY_REVOKED);
    cr_assert_eq(access(path_of("worker-a.key_secret"), F_OK), -1);
    struct certificate own = read_certificate("worker.key", false);
    cr_assert_eq(unlink(path_of("worker.key")), 0);
    cr_assert_eq(standing_of(keyring, own.public_key), KEY_REVOKED);
    keyring_destroy(&keyring);
    /* One that is opened later knows what was revoked by name. */
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), 0);
    cr_assert_eq(standing_of(keyring, added.public_key), KEY_REVOKED);
    cr_assert_eq(standing_of(keyring, own.public_key), KEY_UNKNOWN);
    keyring_destroy(&keyring);
}

Test(keys, of_a_file_that_is_replaced_are_revoked)
{
    struct keyring *keyring = NULL;
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), 0);
    struct certificate before = read_certificate("worker.key", false);
    cr_assert_eq(unlink(path_of("worker.key")), 0);
    cr_assert_eq(unlink(path_of("worker.key_secret")), 0);
    struct certificate after;
    certificate_make(&after, KEY_WORKER, NULL);
    cr_assert_eq(certificate_save(&after, directory, "worker"), 0);
    cr_assert_eq(standing_of(keyring, after.public_key), KEY_KNOWN);
    cr_assert_eq(standing_of(keyring, before.public_key), KEY_REVOKED);
    keyring_destroy(&keyring);
}

Test(keys, stay_as_they_were_while_the_directory_cannot_be_read)
{
    struct keyring *keyring = NULL;
    char moved[128];
    struct certificate worker = read_certificate("worker.key", false);
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), 0);
    snprintf(moved, sizeof moved, "%s.moved", directory);
    cr_assert_eq(rename(directory, moved), 0);
    cr_assert_eq(standing_of(keyring, worker.public_key), KEY_KNOWN);
    cr_assert_eq(rename(moved, directory), 0);
    keyring_destroy(&keyring);
}

Test(keys, that_are_revoked_stay_so_while_that_cannot_be_read)
{
    struct keyring *keyring = NULL;
    char revoked[128], moved[200];
    cr_assert_eq(key_directory_add(directory, "a", error, sizeof error), 0);
    struct certificate added = read_certificate("worker-a.key", false);
    cr_assert_eq(key_directory_revoke(directory, "worker-a", error, sizeof error), 0);
    cr_assert_eq(certificate_save(&added, directory, "again"), 0);
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), 0);
    cr_assert_eq(standing_of(keyring, added.public_key), KEY_REVOKED);
    /* What is there is no directory any more, as one that is another user's. */
    snprintf(revoked, sizeof revoked, "%s/revoked", directory);
    snprintf(moved, sizeof moved, "%s.moved", revoked);
    cr_assert_eq(rename(revoked, moved), 0);
    FILE *file = fopen(revoked, "w");
    fclose(file);
    cr_assert_eq(standing_of(keyring, added.public_key), KEY_REVOKED);
    cr_assert_eq(remove(revoked), 0);
    cr_assert_eq(rename(moved, revoked), 0);
    snprintf(moved, sizeof moved, "%s/worker-a.key", revoked);
    file = fopen(moved, "w");
    fputs("nonsense", file);
    fclose(file);
    cr_assert_eq(standing_of(keyring, added.public_key), KEY_REVOKED);
    keyring_destroy(&keyring);
}

/* Of a key that the helper is to find; in real time. */
static void await_standing(struct keyring *keyring, const char *key,
                           enum key_standing wanted)
{
    enum key_role role;
    int64_t end_us = clock_now_us() + 20 * SECOND_US;
    while (keyring_find(keyring, key, &role) != wanted) {
        struct pollfd item = {.fd = keyring_descriptor(keyring), .events = POLLIN};
        cr_assert_lt(clock_now_us(), end_us, "waited in vain");
        poll(&item, 1, 1000);
        keyring_tick(keyring, clock_now_us());
    }
}

Test(keys, are_added_and_revoked_while_a_helper_watches)
{
    struct keyring *keyring = NULL;
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), 0);
    cr_assert_eq(keyring_watch(keyring), 0);
    cr_assert_eq(key_directory_add(directory, "a", error, sizeof error), 0);
    struct certificate added = read_certificate("worker-a.key", false);
    await_standing(keyring, added.public_key, KEY_KNOWN);
    cr_assert_eq(key_directory_revoke(directory, "worker-a", error, sizeof error), 0);
    await_standing(keyring, added.public_key, KEY_REVOKED);
    keyring_destroy(&keyring);
}

/* Of the one child that we have, once it works. */
static pid_t helper_pid(const struct keyring *keyring)
{
    struct pollfd item = {.fd = keyring_descriptor(keyring), .events = POLLIN};
    cr_assert_eq(poll(&item, 1, 20000), 1);
    char path[64], name[32] = "";
    int pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "r");
    if (!children || fscanf(children, "%d", &pid) != 1)
        pid = 0;
    if (children)
        fclose(children);
    cr_assert_gt(pid, 0);
    cr_assert_str_eq(process_name(pid, name, sizeof name), "fanfold-keys");
    return pid;
}

Test(keys, are_found_without_the_helper_once_that_has_ended)
{
    struct keyring *keyring = NULL;
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), 0);
    cr_assert_eq(keyring_watch(keyring), 0);
    cr_assert_eq(kill(helper_pid(keyring), SIGKILL), 0);
    cr_assert_eq(key_directory_add(directory, "a", error, sizeof error), 0);
    struct certificate added = read_certificate("worker-a.key", false);
    await_standing(keyring, added.public_key, KEY_KNOWN);
    cr_assert_eq(keyring_descriptor(keyring), -1);
    keyring_destroy(&keyring);
}

Test(keys, stay_and_nobody_waits_while_the_helper_is_silent)
{
    struct keyring *keyring = NULL;
    struct certificate worker = read_certificate("worker.key", false);
    enum key_role role;
    cr_assert_eq(keyring_open(directory, &keyring, error, sizeof error), 0);
    cr_assert_eq(keyring_watch(keyring), 0);
    pid_t helper = helper_pid(keyring);
    cr_assert_eq(kill(helper, SIGSTOP), 0);
    int64_t due_us = 0;
    now_us = clock_now_us();
    for (int i = 0; i < 100 && due_us != NEVER_US; i++)
        due_us = keyring_tick(keyring, now_us += SECOND_US);
    cr_assert_eq(due_us, NEVER_US); /* it is said, and not again */
    cr_assert_eq(keyring_find(keyring, worker.public_key, &role), KEY_KNOWN);
    kill(helper, SIGCONT);
    keyring_destroy(&keyring);
}

/* ---- what a program takes ---- */

Test(keys, come_from_a_directory_a_file_or_the_environment)
{
    struct keys keys;
    struct certificate worker = read_certificate("worker.key_secret", true);
    cr_assert_eq(keys_open(&keys, KEY_WORKER, directory, false, error, sizeof error),
                 1);
    cr_assert_str_eq(keys.own.secret_key, worker.secret_key);
    cr_assert_null(keys.keyring);
    keys_close(&keys);
    cr_assert_str_empty(keys.own.secret_key);
    cr_assert_eq(keys_open(&keys, KEY_WORKER, path_of("worker.key_secret"), false,
                           error, sizeof error),
                 1);
    cr_assert_str_eq(keys.own.secret_key, worker.secret_key);
    keys_close(&keys);
    char text[CERTIFICATE_MAX_BYTES];
    int fd = open(path_of("worker.key_secret"), O_RDONLY);
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    text[size] = '\0';
    setenv(KEY_VARIABLE, text, 1);
    char *seen = getenv(KEY_VARIABLE);
    cr_assert_eq(keys_open(&keys, KEY_WORKER, NULL, false, error, sizeof error), 1);
    cr_assert_str_eq(keys.own.secret_key, worker.secret_key);
    cr_assert_null(getenv(KEY_VARIABLE));
    cr_assert_str_empty(seen);
    keys_close(&keys);
    cr_assert_eq(keys_open(&keys, KEY_WORKER, NULL, false, error, sizeof error), 0);
}

Test(keys, of_another_role_are_refused)
{
    struct keys keys;
    cr_assert_eq(keys_open(&keys, KEY_WORKER, path_of("sink.key_secret"), false, error,
                           sizeof error),
                 -EINVAL);
    cr_assert_not_null(strstr(error, "the key of a sink"), "%s", error);
    cr_assert_lt(keys_open(&keys, KEY_SINK, path_of("sink.key_secret"), false, error,
                           sizeof error),
                 0);
    cr_assert_not_null(strstr(error, "a directory of keys"), "%s", error);
    cr_assert_eq(keys_open(&keys, KEY_SINK, directory, true, error, sizeof error),
                 -EINVAL);
    cr_assert_not_null(strstr(error, "--insecure"), "%s", error);
}

Test(keys, that_do_not_name_their_ventilator_find_it_beside_them)
{
    struct keys keys;
    struct certificate worker, ventilator = read_certificate("ventilator.key", false);
    certificate_make(&worker, KEY_WORKER, NULL);
    cr_assert_eq(unlink(path_of("worker.key")), 0);
    cr_assert_eq(unlink(path_of("worker.key_secret")), 0);
    cr_assert_eq(certificate_save(&worker, directory, "worker"), 0);
    cr_assert_eq(keys_open(&keys, KEY_WORKER, directory, false, error, sizeof error),
                 1);
    cr_assert_str_eq(keys.own.ventilator, ventilator.public_key);
    keys_close(&keys);
    cr_assert_eq(keys_open(&keys, KEY_WORKER, path_of("worker.key_secret"), false,
                           error, sizeof error),
                 -EINVAL);
    cr_assert_not_null(strstr(error, "which ventilator"), "%s", error);
}
