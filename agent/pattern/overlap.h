/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef AGENT_PATTERN_OVERLAP_H
#define AGENT_PATTERN_OVERLAP_H

#include <stdbool.h>

/*
 * Can the values a and b of two patterns' `zonefile`, both with ${zone}, name one
 * file for two different zones? Then one of these would be served from, or removed
 * with, the other's data. That they do so for the same zone is no harm: it has one
 * pattern at a time. Where it takes much to find out, the answer is yes. Without
 * ${zone} in both it is no.
 */
bool overlap_check(const char *a, const char *b);

#endif
