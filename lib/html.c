/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/html.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "lib/mem.h"

/* -- the style --------------------------------------------------------------- */

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1c2126;--soft:#5b6670;--line:#d8dde2;"
    "--back:#fff;--good:#17703c;--bad:#b3261e;--busy:#8a5a00}\n"
    "@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa5af;"
    "--line:#39424b;--back:#14181c;--good:#6fcf97;--bad:#ff8a80;"
    "--busy:#f2c572}}\n"
    "body{margin:0 auto;max-width:80rem;padding:1.25rem;background:var(--back);"
    "color:var(--ink);font:15px/1.5 system-ui,sans-serif}\n"
    "h1{margin:0 0 .75rem;font-size:1.5rem}\n"
    "h2{margin:2rem 0 .5rem;font-size:1.1rem}\n"
    "dl{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:0}\n"
    "dt{color:var(--soft);font-size:.8rem}\n"
    "dd{margin:0;overflow-wrap:anywhere}\n"
    "div.t{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;font-size:1.1rem;font-weight:bold;"
    "margin:2rem 0 .5rem;white-space:nowrap}\n"
    "th,td{padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line);"
    "text-align:left;vertical-align:top}\n"
    "thead th{color:var(--soft);font-size:.8rem;font-weight:normal;"
    "white-space:nowrap;border-bottom-width:2px}\n"
    "td,tbody th{overflow-wrap:break-word;max-width:30rem}\n"
    ".n{text-align:right;white-space:nowrap}\n"
    ".s{white-space:nowrap}\n"
    ".good{color:var(--good)}.bad{color:var(--bad);font-weight:bold}"
    ".busy{color:var(--busy)}\n";

char *
html_policy(void)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	unsigned char base64[4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1];

	/* The element's text is the style and nothing else: see html_begin(). */
	if (SHA256((const unsigned char *)style, sizeof(style) - 1, hash) == NULL)
		return mem_strdup("default-src 'none'");
	EVP_EncodeBlock(base64, hash, sizeof(hash));
	return mem_printf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
			  "form-action 'none'",
	    (const char *)base64);
}

/* -- text -------------------------------------------------------------------- */

void
html_text(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		switch (c) {
		case '&': buf_puts(out, "&amp;"); break;
		case '<': buf_puts(out, "&lt;"); break;
		case '>': buf_puts(out, "&gt;"); break;
		case '"': buf_puts(out, "&quot;"); break;
		case '\'': buf_puts(out, "&#39;"); break;
		default:
			if (c >= 0x20 && c < 0x7f)
				buf_put_u8(out, c);
			else
				buf_printf(out, "\\x%02x", c);
		}
	}
}

void
html_textf(struct buf *out, const char *fmt, ...)
{
	char text[1200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	html_text(out, text);
}

const char *
html_time(uint64_t unix_time, char out[static HTML_TIME_MAX])
{
	time_t t = (time_t)unix_time;
	struct tm tm;

	out[0] = '\0';
	if (unix_time <= INT32_MAX * UINT64_C(1000) && gmtime_r(&t, &tm) != NULL)
		strftime(out, HTML_TIME_MAX, "%Y-%m-%d %H:%M:%S UTC", &tm);
	return out;
}

static bool
is_among(const char *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

const char *
html_mood(const char *state)
{
	static const char *const good[] = {"up", "ok", "valid", "serving", "open",
	    NULL};
	static const char *const bad[] = {"down", "degraded", "broken", "expired",
	    "failed", "conflict", "holding", NULL};
	static const char *const busy[] = {"starting", "pending", "applied", "held",
	    "unassigned", "removing", "unknown", "none", NULL};

	return is_among(state, good)   ? "good"
	       : is_among(state, bad)  ? "bad"
	       : is_among(state, busy) ? "busy"
				       : "";
}

/* -- the page ---------------------------------------------------------------- */

void
html_begin(struct buf *out, const char *title, bool in_file)
{
	buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
		      "<meta charset=\"utf-8\">\n");
	if (in_file) {
		char *policy = html_policy();
		buf_puts(out,
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"");
		html_text(out, policy);
		buf_puts(out, "\">\n");
		free(policy);
	}
	buf_puts(out, "<meta name=\"viewport\" "
		      "content=\"width=device-width, initial-scale=1\">\n<title>");
	html_text(out, title);
	buf_puts(out, "</title>\n<style>");
	buf_puts(out, style);
	buf_puts(out, "</style>\n</head>\n<body>\n<main>\n<h1>");
	html_text(out, title);
	buf_puts(out, "</h1>\n");
}

void
html_end(struct buf *out)
{
	buf_puts(out, "</main>\n</body>\n</html>\n");
}

void
html_heading(struct buf *out, const char *text)
{
	buf_puts(out, "<h2>");
	html_text(out, text);
	buf_puts(out, "</h2>\n");
}

void
html_paragraph(struct buf *out, const char *text)
{
	buf_puts(out, "<p>");
	html_text(out, text);
	buf_puts(out, "</p>\n");
}

void
html_facts_begin(struct buf *out)
{
	buf_puts(out, "<dl>\n");
}

static void
put_class(struct buf *out, const char *also, const char *mood)
{
	const char *blank = also[0] != '\0' && mood[0] != '\0' ? " " : "";

	if (also[0] != '\0' || mood[0] != '\0')
		buf_printf(out, " class=\"%s%s%s\"", also, blank, mood);
}

void
html_fact(struct buf *out, const char *name, const char *value)
{
	buf_puts(out, "<div><dt>");
	html_text(out, name);
	buf_puts(out, "</dt><dd");
	put_class(out, "", html_mood(value));
	buf_puts(out, ">");
	html_text(out, value);
	buf_puts(out, "</dd></div>\n");
}

void
html_facts_end(struct buf *out)
{
	buf_puts(out, "</dl>\n");
}

/* -- tables ------------------------------------------------------------------ */

void
html_table_begin(struct buf *out, const char *caption)
{
	buf_puts(out, "<div class=\"t\">\n<table>\n<caption>");
	html_text(out, caption);
	buf_puts(out, "</caption>\n");
}

void
html_titles_begin(struct buf *out)
{
	buf_puts(out, "<thead>\n<tr>");
}

void
html_title(struct buf *out, const char *text, bool is_number)
{
	buf_puts(out, "<th scope=\"col\"");
	put_class(out, is_number ? "n" : "", "");
	buf_puts(out, ">");
	html_text(out, text);
	buf_puts(out, "</th>");
}

void
html_titles_end(struct buf *out)
{
	buf_puts(out, "</tr>\n</thead>\n<tbody>\n");
}

void
html_row_begin(struct buf *out)
{
	buf_puts(out, "<tr>");
}

static void
put_cell(struct buf *out, const char *also, const char *mood, const char *text)
{
	buf_puts(out, "<td");
	put_class(out, also, mood);
	buf_puts(out, ">");
	html_text(out, text);
	buf_puts(out, "</td>");
}

void
html_cell_head(struct buf *out, const char *text)
{
	buf_puts(out, "<th scope=\"row\">");
	html_text(out, text);
	buf_puts(out, "</th>");
}

void
html_cell(struct buf *out, const char *text)
{
	put_cell(out, "", "", text);
}

void
html_cell_number(struct buf *out, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	put_cell(out, "n", "", text);
}

void
html_cell_digits(struct buf *out, const char *text)
{
	put_cell(out, "n", "", text);
}

void
html_cell_state(struct buf *out, const char *text)
{
	put_cell(out, "s", html_mood(text), text);
}

void
html_row_end(struct buf *out)
{
	buf_puts(out, "</tr>\n");
}

void
html_table_end(struct buf *out)
{
	buf_puts(out, "</tbody>\n</table>\n</div>\n");
}
