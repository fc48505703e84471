/* Runs a list of scalar operations at many places at once, LANES of them side by side.

   A straight-line function has no branches, so every place does the same: each operation is decided
   on once and done on LANES numbers that lie next to each other, which compilers turn into vector
   instructions. The list is data, not code: nothing is compiled for a new model. */

#include <math.h>

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
            const double *x = work + (long)a * LANES, *y = work + (long)b * LANES;
#define EACH(value) for (int j = 0; j < LANES; j++) o[j] = (value); break
            switch (list[i].operation) {
            case CONST: EACH(constants[a]);
            case INPUT: { /* lanes beyond the last place repeat it */
                const double *from = arg[a] + base * n_arg[a] + b;
                EACH(from[(j < used ? j : used - 1) * n_arg[a]]);
            }
            case OUTPUT:
                if (res[to])
                    for (int j = 0; j < used; j++) res[to][(base + j) * n_res[to] + b] = x[j];
                break;
            case ADD: EACH(x[j] + y[j]);
            case SUB: EACH(x[j] - y[j]);
            case MUL: EACH(x[j] * y[j]);
            case DIV: EACH(x[j] / y[j]);
            case NEG: EACH(-x[j]);
            case SQ: EACH(x[j] * x[j]);
            case TWICE: EACH(x[j] + x[j]);
            case INV: EACH(1.0 / x[j]);
            case SQRT: EACH(sqrt(x[j]));
            case EXP: EACH(exp(x[j]));
            case LOG: EACH(log(x[j]));
            case POW: case CONSTPOW: EACH(pow(x[j], y[j]));
            case SIN: EACH(sin(x[j]));
            case COS: EACH(cos(x[j]));
            case TAN: EACH(tan(x[j]));
            case ASIN: EACH(asin(x[j]));
            case ACOS: EACH(acos(x[j]));
            case ATAN: EACH(atan(x[j]));
            case ATAN2: EACH(atan2(x[j], y[j]));
            case SINH: EACH(sinh(x[j]));
            case COSH: EACH(cosh(x[j]));
            case TANH: EACH(tanh(x[j]));
            case FABS: EACH(fabs(x[j]));
            case FLOOR: EACH(floor(x[j]));
            case CEIL: EACH(ceil(x[j]));
            case FMOD: EACH(fmod(x[j], y[j]));
            case FMIN: EACH(fmin(x[j], y[j]));
            case FMAX: EACH(fmax(x[j], y[j]));
            case SIGN: EACH(x[j] > 0 ? 1.0 : x[j] < 0 ? -1.0 : x[j]);
            case LT: EACH(x[j] < y[j]);
            case LE: EACH(x[j] <= y[j]);
            case EQ: EACH(x[j] == y[j]);
            case NE: EACH(x[j] != y[j]);
            case NOT: EACH(!x[j]);
            case AND: EACH(x[j] && y[j]);
            case OR: EACH(x[j] || y[j]);
            case IF_ELSE_ZERO: EACH(x[j] != 0 ? y[j] : 0.0);
            case ASSIGN: EACH(x[j]);
            }
        }
    }
}
