/* A PKCS#11 library that forwards to another, but answers nothing while a certain file is there: a device that hangs.
 *
 * FASTNESS_TEST_MODULE names the other library, FASTNESS_TEST_HANG the file. The list of functions has the order of the standard (PKCS #11
 * Cryptographic Token Interface Base Specification Version 2.40, CK_FUNCTION_LIST); all that is looked at here takes its arguments in
 * registers, so that more of them can be passed on than a function has. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;
typedef word (*function)(word, word, word, word, word, word);

struct list {
    unsigned char version[2];
    function functions[68];
};

/* Where in the list they stand. */
enum { GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, FIND_OBJECTS_INIT = 26, ENCRYPT_INIT = 29, DECRYPT_INIT = 33, GENERATE_KEY = 58, GENERATE_RANDOM = 64 };

static struct list *real, own;

static void wait_for_the_device(void) {
    while (access(getenv("FASTNESS_TEST_HANG"), F_OK) == 0)
        usleep(10 * 1000);
}

#define HANGING(NAME) \
    static word hanging_##NAME(word a, word b, word c, word d, word e, word f) { \
        wait_for_the_device(); \
        return real->functions[NAME](a, b, c, d, e, f); \
    }

HANGING(GET_TOKEN_INFO)
HANGING(FIND_OBJECTS_INIT)
HANGING(ENCRYPT_INIT)
HANGING(DECRYPT_INIT)
HANGING(GENERATE_KEY)
HANGING(GENERATE_RANDOM)

word C_GetFunctionList(struct list **out) {
    void *library = dlopen(getenv("FASTNESS_TEST_MODULE"), RTLD_NOW | RTLD_LOCAL);
    word (*get)(struct list **) = library ? (word(*)(struct list **))dlsym(library, "C_GetFunctionList") : NULL;
    word result = get ? get(&real) : 5 /* CKR_GENERAL_ERROR */;
    if (result != 0)
        return result;
    memcpy(&own, real, sizeof own);
    own.functions[GET_FUNCTION_LIST] = (function)C_GetFunctionList;
    own.functions[GET_TOKEN_INFO] = hanging_GET_TOKEN_INFO;
    own.functions[FIND_OBJECTS_INIT] = hanging_FIND_OBJECTS_INIT;
    own.functions[ENCRYPT_INIT] = hanging_ENCRYPT_INIT;
    own.functions[DECRYPT_INIT] = hanging_DECRYPT_INIT;
    own.functions[GENERATE_KEY] = hanging_GENERATE_KEY;
    own.functions[GENERATE_RANDOM] = hanging_GENERATE_RANDOM;
    *out = &own;
    return 0;
}
