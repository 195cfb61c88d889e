# SPDX-License-Identifier: BSD-2-Clause
# Examples of a Markdown document: the code block after <!-- run: NAME --> or
# <!-- file: NAME -->. Source after lib.sh.
#
#   doc_block FILE NAME   prints it; fails if there is none
#   doc_names FILE        the names of those to run, in order
# shellcheck shell=bash

doc_block() {
	local text
	text=$(awk -v run="<!-- run: $2 -->" -v file="<!-- file: $2 -->" '
		$0 == run || $0 == file { on = 1; next }
		on && /^```/ { if (inside) exit; inside = 1; next }
		on && inside' "$1")
	[ -n "$text" ] || fail "${1##*/}: no example $2"
	printf '%s\n' "$text"
}
doc_names() { sed -n 's/^<!-- run: \(.*\) -->$/\1/p' "$1"; }
# every code block is one that has a name, but for those of other programs' installation
doc_unnamed() { # FILE: the number of blocks without
	awk '/^<!-- (run|file): / { named = 1; next } /^```/ { inside = !inside; if (inside && !named) n++; if (inside) named = 0 }
		END { print n + 0 }' "$1"
}
