/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/mem.h"

/*
 * Key files in the form of named.conf, as tsig-keygen prints them and
 * `nsupdate -k` reads them. Only what a key needs of that grammar: words,
 * quoted strings, braces and semicolons, with comments between tokens.
 */

enum { FILE_MAX = 65536, WORD_MAX = 1024 };

enum token {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_STRING,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_SEMICOLON
};

struct lexer {
	const char *text;
	size_t size, pos;
	unsigned line;
	const char *path;
	struct err_where *where;
	enum token token; /* the current one */
	char word[WORD_MAX];
};

static int
peek(const struct lexer *l, size_t ahead)
{
	return ahead < l->size - l->pos ? (unsigned char)l->text[l->pos + ahead] : -1;
}

static bool
is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
	       c == '\v';
}

static void
skip(struct lexer *l)
{
	if (l->text[l->pos] == '\n')
		l->line++;
	l->pos++;
}

static enum err
skip_c_comment(struct lexer *l)
{
	unsigned start = l->line;

	for (l->pos += 2; peek(l, 0) >= 0; skip(l)) {
		if (peek(l, 0) == '*' && peek(l, 1) == '/') {
			l->pos += 2;
			return OK;
		}
	}
	return err_at(l->where, l->path, start, "a comment does not end");
}

static enum err
skip_blanks(struct lexer *l)
{
	for (;;) {
		int c = peek(l, 0), next = peek(l, 1);
		if (is_blank(c)) {
			skip(l);
		} else if (c == '/' && next == '*') {
			enum err err = skip_c_comment(l);
			if (err != OK)
				return err;
		} else if (c == '#' || (c == '/' && next == '/')) {
			while (peek(l, 0) >= 0 && peek(l, 0) != '\n')
				skip(l);
		} else {
			return OK;
		}
	}
}

static enum err
put_char(struct lexer *l, size_t *n)
{
	if (peek(l, 0) == '\0')
		return err_at(l->where, l->path, l->line, "a NUL octet");
	if (*n + 1 >= WORD_MAX)
		return err_at(l->where, l->path, l->line, "a word is too long");
	l->word[(*n)++] = l->text[l->pos++];
	l->word[*n] = '\0';
	return OK;
}

static enum err
lex_string(struct lexer *l)
{
	enum err err = OK;
	size_t n = 0;

	l->token = TOKEN_STRING;
	l->word[0] = '\0';
	l->pos++;
	while (err == OK && peek(l, 0) != '"') {
		if (peek(l, 0) < 0 || peek(l, 0) == '\n')
			return err_at(l->where, l->path, l->line,
			    "a quoted string does not end");
		if (peek(l, 0) == '\\' && peek(l, 1) == '"')
			l->pos++; /* the only escape of this grammar */
		err = put_char(l, &n);
	}
	l->pos++;
	return err;
}

static enum err
lex_word(struct lexer *l)
{
	enum err err = OK;
	size_t n = 0;

	l->token = TOKEN_WORD;
	while (err == OK && peek(l, 0) >= 0 && !is_blank(peek(l, 0)) &&
	       (peek(l, 0) == 0 || strchr("{};\"", peek(l, 0)) == NULL))
		err = put_char(l, &n);
	return err;
}

static enum err
next(struct lexer *l)
{
	enum err err = skip_blanks(l);

	if (err != OK)
		return err;
	switch (peek(l, 0)) {
	case -1: l->token = TOKEN_END; return OK;
	case '{': l->token = TOKEN_OPEN; break;
	case '}': l->token = TOKEN_CLOSE; break;
	case ';': l->token = TOKEN_SEMICOLON; break;
	case '"': return lex_string(l);
	default: return lex_word(l);
	}
	l->pos++;
	return OK;
}

/* The next token must be this one; `what` names it for people. */
static enum err
expect(struct lexer *l, enum token token, const char *what)
{
	enum err err = next(l);

	if (err == OK && l->token != token)
		return err_at(l->where, l->path, l->line, "%s is missing", what);
	return err;
}

/* The next token must be a word or string; it is then l->word. */
static enum err
expect_value(struct lexer *l, const char *what)
{
	enum err err = next(l);

	if (err == OK && l->token != TOKEN_WORD && l->token != TOKEN_STRING)
		return err_at(l->where, l->path, l->line, "%s is missing", what);
	return err;
}

struct draft {
	struct dname name;
	bool has_alg, has_secret;
	enum key_alg alg;
	size_t size;
	uint8_t secret[KEY_SECRET_MAX];
};

static enum err
parse_algorithm(struct lexer *l, struct draft *d)
{
	enum err err = expect_value(l, "the name of the algorithm");

	if (err != OK)
		return err;
	if (d->has_alg)
		return err_at(l->where, l->path, l->line, "a second algorithm");
	err = key_alg_parse(l->word, &d->alg);
	if (err == ERR_UNSUPPORTED)
		return err_at(l->where, l->path, l->line,
		    "algorithm %.32s is not allowed: use hmac-sha256", l->word);
	if (err != OK)
		/* Not named: it may be a secret in the wrong place. */
		return err_at(l->where, l->path, l->line, "unknown algorithm");
	d->has_alg = true;
	return OK;
}

static enum err
parse_secret(struct lexer *l, struct draft *d)
{
	enum err err = expect_value(l, "the secret");

	if (err != OK)
		return err;
	if (d->has_secret)
		return err_at(l->where, l->path, l->line, "a second secret");
	err = key_secret_parse(l->word, d->secret, &d->size);
	if (err == ERR_RANGE)
		return err_at(l->where, l->path, l->line,
		    "the secret has more than %d octets", KEY_SECRET_MAX);
	if (err != OK)
		return err_at(l->where, l->path, l->line, "the secret is not base64");
	d->has_secret = true;
	return OK;
}

/* What stands between the braces, and the brace that closes. */
static enum err
parse_clauses(struct lexer *l, struct draft *d)
{
	for (;;) {
		enum err err = next(l);
		if (err != OK)
			return err;
		if (l->token == TOKEN_CLOSE)
			return OK;
		if (l->token == TOKEN_WORD && strcmp(l->word, "algorithm") == 0)
			err = parse_algorithm(l, d);
		else if (l->token == TOKEN_WORD && strcmp(l->word, "secret") == 0)
			err = parse_secret(l, d);
		else
			err = err_at(l->where, l->path, l->line,
			    "only algorithm and secret may stand in a key");
		if (err == OK)
			err = expect(l, TOKEN_SEMICOLON, "a semicolon");
		if (err != OK)
			return err;
	}
}

static enum err
parse_key(struct lexer *l, struct draft *d)
{
	enum err err = next(l);

	if (err != OK)
		return err;
	if (l->token != TOKEN_WORD || strcmp(l->word, "key") != 0)
		return err_at(l->where, l->path, l->line,
		    "not a key file: it must begin with key \"NAME\" {");
	err = expect_value(l, "the name of the key");
	if (err != OK)
		return err;
	if (dname_parse(l->word, &d->name) != OK)
		return err_at(l->where, l->path, l->line, "the key has no valid name");
	err = expect(l, TOKEN_OPEN, "an opening brace");
	if (err == OK)
		err = parse_clauses(l, d);
	if (err == OK)
		err = expect(l, TOKEN_SEMICOLON, "the semicolon after the brace");
	if (err != OK)
		return err;
	if (!d->has_alg)
		return err_at(l->where, l->path, l->line, "the key has no algorithm");
	if (!d->has_secret)
		return err_at(l->where, l->path, l->line, "the key has no secret");
	return OK;
}

enum err
key_parse(const char *text, size_t size, const char *path, struct key **key,
    struct err_where *where)
{
	struct lexer l = {.text = text,
	    .size = size,
	    .line = 1,
	    .path = path,
	    .where = where};
	struct draft d = {.size = 0};
	enum err err = parse_key(&l, &d);

	if (err == OK)
		err = key_new(&d.name, d.alg, d.secret, d.size, key);
	if (err == ERR_IO)
		err_at(where, path, 0, "the crypto library failed");
	mem_wipe(l.word, sizeof(l.word));
	mem_wipe(&d, sizeof(d));
	return err;
}

static enum err
fail_errno(const char *path, struct err_where *where)
{
	enum err err = errno == ENOENT ? ERR_NOTFOUND : ERR_IO;

	err_at(where, path, 0, "%s", mem_errno_text(errno));
	return err;
}

static enum err
read_file(int fd, const char *path, char *text, size_t *size, struct err_where *where)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return fail_errno(path, where);
	if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		return err_at(where, path, 0,
		    "others may read or write this file: set its mode to 0600 or 0640");
	for (*size = 0; *size < FILE_MAX;) {
		ssize_t n = read(fd, text + *size, FILE_MAX - *size);
		if (n == 0)
			return OK;
		if (n > 0)
			*size += (size_t)n;
		else if (errno != EINTR)
			return fail_errno(path, where);
	}
	return err_at(where, path, 0, "too large for a key file");
}

enum err
key_load(const char *path, struct key **key, struct err_where *where)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(path, where);
	size_t size = 0;
	char *text = mem_alloc(FILE_MAX);
	enum err err = read_file(fd, path, text, &size, where);

	if (err == OK)
		err = key_parse(text, size, path, key, where);
	mem_wipe(text, FILE_MAX);
	free(text);
	close(fd);
	return err;
}

void
key_print(const struct key *key, struct buf *out)
{
	char name[DNAME_TEXT_MAX];

	/* The plain form has neither quotes nor backslashes but \DDD. */
	buf_printf(out, "key \"%s\" {\n\talgorithm %s;\n\tsecret \"",
	    dname_print_plain(key_name(key), name), key_alg_str(key_algorithm(key)));
	key_secret_print(key, out);
	buf_puts(out, "\";\n};\n");
}
