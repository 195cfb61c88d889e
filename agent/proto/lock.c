/* SPDX-License-Identifier: BSD-2-Clause */
#include "agent/proto/lock.h"

#include <stdio.h>
#include <time.h>

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool
is_held(const struct lock *lock)
{
	return lock->owner != 0 && now_ms() < lock->until_ms;
}

const char *
lock_other(const struct locks *locks, uint8_t catalog, uint64_t owner)
{
	const struct lock *lock = &locks->items[catalog];

	return lock->owner != owner && is_held(lock) ? lock->by : NULL;
}

void
lock_take(struct locks *locks, uint8_t catalog, uint64_t owner, const char *by,
    unsigned seconds)
{
	struct lock *lock = &locks->items[catalog];

	lock->owner = owner;
	lock->until_ms = now_ms() + (uint64_t)seconds * 1000;
	snprintf(lock->by, sizeof(lock->by), "%s", by);
}

bool
lock_drop(struct locks *locks, uint8_t catalog, uint64_t owner)
{
	struct lock *lock = &locks->items[catalog];
	bool held = lock->owner == owner && is_held(lock);

	if (lock->owner == owner)
		lock->owner = 0;
	return held;
}

void
lock_drop_all(struct locks *locks, uint64_t owner)
{
	for (unsigned i = 0; i < LOCKS_MAX; i++)
		if (locks->items[i].owner == owner)
			locks->items[i].owner = 0;
}
