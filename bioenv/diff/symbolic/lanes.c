/* Runs a list of scalar operations at many places at once, LANES of them side by side.

   A straight-line function has no branches, so every place does the same: each operation is decided
   on once and done on LANES numbers that lie next to each other, which compilers turn into vector
   instructions. The list is data, not code: nothing is compiled for a new model. */

#include "operations.h"

typedef struct { int operation, out, a, b; } Instruction;

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
/* count, list, constants: the function. arg, res: columns of numbers, one column for each place,
   of n_arg and n_res numbers; a null result is not wanted. first, last: places to do.
   work: LANES numbers for each of the function's intermediate values. */
void run(long count, const Instruction *list, const double *constants,
         const double *const *arg, const long *n_arg, double *const *res, const long *n_res,
         long first, long last, double *work)
{
    for (long base = first; base < last; base += LANES) {
        int used = last - base < LANES ? (int)(last - base) : LANES;
        for (long i = 0; i < count; i++) {
            int a = list[i].a, b = list[i].b, to = list[i].out;
            double *o = work + (long)to * LANES;
            const double *xs = work + (long)a * LANES, *ys = work + (long)b * LANES;
            switch (list[i].operation) {
            case CONST:
                for (int j = 0; j < LANES; j++) o[j] = constants[a];
                break;
            case INPUT: { /* lanes beyond the last place repeat it */
                const double *from = arg[a] + base * n_arg[a] + b;
                for (int j = 0; j < LANES; j++) o[j] = from[(j < used ? j : used - 1) * n_arg[a]];
                break;
            }
            case OUTPUT:
                if (res[to])
                    for (int j = 0; j < used; j++) res[to][(base + j) * n_res[to] + b] = xs[j];
                break;
#define OP(name, value) \
            case name: \
                for (int j = 0; j < LANES; j++) { \
                    const double x = xs[j], y = ys[j]; \
                    (void)y; \
                    o[j] = (value); \
                } \
                break;
            OPERATIONS
            }
        }
    }
}
