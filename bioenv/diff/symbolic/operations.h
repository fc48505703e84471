/* What CasADi's scalar operations do with their operands x and y: OP(name, result). */

#include <math.h>

#define OPERATIONS \
    OP(ADD, x + y) \
    OP(SUB, x - y) \
    OP(MUL, x * y) \
    OP(DIV, x / y) \
    OP(NEG, -x) \
    OP(SQ, x * x) \
    OP(TWICE, x + x) \
    OP(INV, 1.0 / x) \
    OP(SQRT, sqrt(x)) \
    OP(EXP, exp(x)) \
    OP(LOG, log(x)) \
    OP(POW, pow(x, y)) \
    OP(CONSTPOW, pow(x, y)) \
    OP(SIN, sin(x)) \
    OP(COS, cos(x)) \
    OP(TAN, tan(x)) \
    OP(ASIN, asin(x)) \
    OP(ACOS, acos(x)) \
    OP(ATAN, atan(x)) \
    OP(ATAN2, atan2(x, y)) \
    OP(SINH, sinh(x)) \
    OP(COSH, cosh(x)) \
    OP(TANH, tanh(x)) \
    OP(FABS, fabs(x)) \
    OP(FLOOR, floor(x)) \
    OP(CEIL, ceil(x)) \
    OP(FMOD, fmod(x, y)) \
    OP(FMIN, fmin(x, y)) \
    OP(FMAX, fmax(x, y)) \
    OP(SIGN, x > 0 ? 1.0 : x < 0 ? -1.0 : x) \
    OP(LT, x < y) \
    OP(LE, x <= y) \
    OP(EQ, x == y) \
    OP(NE, x != y) \
    OP(NOT, !x) \
    OP(AND, x && y) \
    OP(OR, x || y) \
    OP(IF_ELSE_ZERO, x != 0 ? y : 0.0) \
    OP(ASSIGN, x)
