/* SPDX-License-Identifier: BSD-2-Clause */
#include "netconf/authorized.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_SIZE = 16384 };

static bool
is_key(char *line, ssh_key key)
{
	char *save, *type_name = strtok_r(line, " \t\r\n", &save);
	char *base64 = type_name ? strtok_r(NULL, " \t\r\n", &save) : NULL;
	ssh_key known = NULL;
	if (!base64 || type_name[0] == '#')
		return false;
	enum ssh_keytypes_e type = ssh_key_type_from_name(type_name);
	if (type == SSH_KEYTYPE_UNKNOWN ||
	    ssh_pki_import_pubkey_base64(base64, type, &known) != SSH_OK)
		return false;
	bool same = ssh_key_cmp(known, key, SSH_KEY_CMP_PUBLIC) == 0;
	ssh_key_free(known);
	return same;
}

bool
authorized_has(const char *path, ssh_key key)
{
	FILE *f = fopen(path, "re");
	char line[LINE_MAX_SIZE];
	bool found = false;
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f))
		found = is_key(line, key);
	fclose(f);
	return found;
}
