# nsherd: add, change and remove zones on running name servers.
#
#   make            build nsherdd, nsherdctl and, where libnetconf2 2.x, libyang and
#                   libssh are there, nsherd-netconfd into build/; NETCONF= without
#   make demo       the main job, end to end, on real name servers on loopback
#                   (KEEP=1 leaves it running and prints commands to try)
#   make check      all tests: unit and system, against real servers
#   make lint       layers, lines of the log, headers that compile alone, formatting
#   make fuzz       libFuzzer on every parser, FUZZ_TIME seconds each (60)
#   make soak       load and random faults on real servers, for SOAK_TIME seconds
#                   (3600), with what must hold checked all the while
#   make bench      one line per figure, each a ratio of one run (bench/README.md)
#   make bench-million  what is large: a million members, 100,000 zones
#   make install    into DESTDIR, PREFIX (/usr/local), SYSCONFDIR (/etc)
#   make uninstall  removes exactly what install put there
#   make deb        Debian packages, into build-deb/: nsherd, nsherd-ctl and
#                   nsherd-netconf (installs with apt what it lacks)
#   make deps       what demo, check and bench call first: installs with apt
#                   what is missing, and says what
#   make clean      removes every build directory
#
# demo, check, fuzz and bench install what they lack with apt and say so. They
# never start a system service and never use port 53.
#
# Variables: CC CFLAGS CPPFLAGS LDFLAGS are yours. SAN=1 adds ASan and UBSan,
# SAN=thread TSan, each in a build directory of its own. WERROR=1 makes
# warnings errors. V=1 shows commands. A file config.mk is read if it exists.

-include config.mk

MAKEFLAGS += -r
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL := all

CC       ?= cc
ifeq ($(origin CC),default)
CC       := cc
endif
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
SYSCONFDIR ?= /etc
MANDIR   ?= $(PREFIX)/share/man
FUZZ_TIME ?= 60
FUZZ_CC  ?= clang
SOAK_TIME ?= 3600

ifeq ($(SAN),1)
B        ?= build-san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(SAN),thread)
B        ?= build-thread
SANFLAGS := -fsanitize=thread -fno-omit-frame-pointer
else
B        ?= build
endif

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wwrite-strings -Wcast-qual -Wpointer-arith -Wvla -Wundef -Wswitch-enum \
        -Wformat=2 $(if $(WERROR),-Werror)
PKG_CFLAGS := $(shell pkg-config --cflags ldns libuv lmdb libcrypto inih libmicrohttpd 2>/dev/null)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. $(PKG_CFLAGS) $(WARN) -fstack-protector-strong \
             $(SANFLAGS) $(CPPFLAGS) $(CFLAGS)
LINKFLAGS  = -Wl,--as-needed $(SANFLAGS) $(LDFLAGS)
LIB_LDLIBS   := -lldns -lssl -lcrypto -linih
AGENT_LDLIBS := -llmdb -luv -lmicrohttpd -lpthread -ljansson $(LIB_LDLIBS)
CTL_LDLIBS   := -ljansson $(LIB_LDLIBS)

# The NETCONF gateway is built where its libraries are; `make NETCONF=` leaves it out.
# From 3.0 on libnetconf2 is set up in another way, which the gateway does not know.
# libnetconf2's headers include those of libssh, which its package does not ask for.
NETCONF ?= $(shell pkg-config --exists 'libnetconf2 < 3' libyang libssh && echo yes)
NETCONF_LDLIBS := -lnetconf2 -lyang -lssh -lpthread $(LIB_LDLIBS)

# The architecture: one archive per room, lowest layer first. What a room's
# tests link is what doc/LAYERS lets the room see.
ROOMS := lib agent/store agent/guard agent/catalog agent/proto agent/net \
         agent/health agent/metrics agent/pattern agent/backend agent/probe agent/deploy
HEADERS = $(wildcard lib/*.h agent/*.h agent/*/*.h ctl/*.h) $(if $(NETCONF),$(wildcard netconf/*.h))
SOURCES = $(wildcard lib/*.c agent/*.c agent/*/*.c ctl/*.c netconf/*.c tests/unit/*.c tests/system/*.c tests/soak/*.c tests/fuzz/*.c bench/*.c)

room = $(B)/$(subst /,_,$(1)).a
objs = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
# each room's archive, highest layer first, as the linker wants them
archives = $(foreach r,agent/deploy agent/probe agent/backend agent/pattern agent/metrics agent/health agent/net \
           agent/proto agent/catalog agent/guard agent/store lib,$(if $(filter $(r),$(1)),$(call room,$(r))))

PROGRAMS := $(B)/nsherdd $(B)/nsherdctl $(if $(NETCONF),$(B)/nsherd-netconfd)

.PHONY: all nsherdd nsherdctl nsherd-netconfd help demo check check-unit check-system lint fuzz soak \
        bench bench-million \
        install uninstall deb clean deps FORCE

all: $(PROGRAMS)
ifeq ($(origin NETCONF)$(NETCONF),file)
	@echo "without nsherd-netconfd: it needs libnetconf2 2.x, libyang and libssh"
endif
nsherdd: $(B)/nsherdd
nsherdctl: $(B)/nsherdctl
nsherd-netconfd: $(B)/nsherd-netconfd

help:
	@sed -n '/^#/!q;s/^# \{0,1\}//p' Makefile

# -- objects and archives ---------------------------------------------------

FLAGS_NOW = $(CC) $(ALL_CFLAGS) $(LINKFLAGS)
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || \
	    printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define archive_rule
$(call room,$(1)): $(call objs,$(1))
	$$(call say,AR,$$@)
	$(Q)rm -f $$@; ar rcs $$@ $(call objs,$(1))
endef
$(foreach r,$(ROOMS),$(eval $(call archive_rule,$(r))))

# -- programs ---------------------------------------------------------------

$(B)/nsherdd: $(call objs,agent) $(call archives,$(ROOMS))
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKFLAGS) -o $@ $^ $(AGENT_LDLIBS)

$(B)/nsherdctl: $(call objs,ctl) $(call archives,lib)
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKFLAGS) -o $@ $^ $(CTL_LDLIBS)

$(B)/nsherd-netconfd: $(call objs,netconf) $(call archives,lib)
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKFLAGS) -o $@ $^ $(NETCONF_LDLIBS)

# -- unit tests: tests/unit/<room>_<file>_test.c ----------------------------

SEES_lib           := lib
SEES_agent_store   := lib agent/store
SEES_agent_guard   := $(SEES_agent_store) agent/guard
SEES_agent_catalog := $(SEES_agent_guard) agent/catalog
SEES_agent_proto   := $(SEES_agent_catalog) agent/proto
SEES_agent_net     := $(SEES_agent_proto) agent/net
SEES_agent_health  := lib agent/health
SEES_agent_metrics := $(SEES_agent_store) agent/metrics
SEES_agent_pattern := lib agent/pattern
SEES_agent_backend := lib agent/pattern agent/backend
SEES_agent_probe   := lib agent/store agent/probe
SEES_agent_deploy  := $(ROOMS)
SEES_agent_main    := $(ROOMS)
SEES_ctl           := lib
SEES_netconf       := lib

UNIT := $(patsubst %.c,$(B)/%,$(filter-out $(if $(NETCONF),,tests/unit/netconf_%),$(wildcard tests/unit/*_test.c)))
# agent_store_members_test -> agent_store ; lib_wire_test -> lib
test_room = $(if $(filter agent_%,$(1)),agent_$(word 2,$(subst _, ,$(1))),$(word 1,$(subst _, ,$(1))))

define unit_rule
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o \
    $(if $(filter agent_main,$(call test_room,$(1))),$(filter-out %/main.o,$(call objs,agent))) \
    $(if $(filter ctl,$(call test_room,$(1))),$(filter-out %/main.o,$(call objs,ctl))) \
    $(if $(filter netconf,$(call test_room,$(1))),$(filter-out %/main.o,$(call objs,netconf))) \
    $(call archives,$(SEES_$(call test_room,$(1))))
	$$(call say,LD,$$@)
	$(Q)$$(CC) $$(LINKFLAGS) -o $$@ $$^ -lcmocka \
	    $(if $(filter netconf,$(call test_room,$(1))),$(NETCONF_LDLIBS),\
	    $(if $(filter ctl lib,$(call test_room,$(1))),$(CTL_LDLIBS),$(AGENT_LDLIBS)))
endef
$(foreach t,$(notdir $(UNIT)),$(eval $(call unit_rule,$(t))))

# UNIT_ONLY="lib ctl": only those whose names begin so.
UNIT_WANTED := $(if $(UNIT_ONLY),$(foreach o,$(UNIT_ONLY),$(filter $(B)/tests/unit/$(o)_%,$(UNIT))),$(UNIT))
check-unit: $(UNIT_WANTED)
	$(Q)tests/run-unit $(UNIT_WANTED)

check-system: all
	$(Q)B=$(B) tests/run-system

check: deps
	$(Q)FOR=browser tests/deps
	$(Q)tests/check

demo: deps all
	$(Q)B=$(B) tests/demo

# What `NETCONF=` on the command line leaves out is not installed, either.
deps:
	$(Q)WITHOUT_NETCONF=$(if $(NETCONF),,$(filter command,$(origin NETCONF))) tests/deps

soak: deps all
	$(Q)B=$(B) SOAK_TIME=$(SOAK_TIME) tests/soak/run

# -- fuzzing ----------------------------------------------------------------

FUZZERS := $(patsubst tests/fuzz/%.c,%,$(filter-out $(if $(NETCONF),,tests/fuzz/fuzz_netconf%),$(wildcard tests/fuzz/fuzz_*.c)))
fuzz: deps
	$(Q)$(MAKE) --no-print-directory B=build-fuzz CC=$(FUZZ_CC) \
	    SANFLAGS='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' \
	    CFLAGS='-O1 -g' fuzz-build
	$(Q)tests/run-fuzz build-fuzz $(FUZZ_TIME) $(FUZZERS)

fuzz-build: $(patsubst %,$(B)/%,$(FUZZERS))
$(B)/fuzz_netconf $(B)/fuzz_netconf_conf: $(B)/%: $(B)/tests/fuzz/%.o $(filter-out %/main.o,$(call objs,netconf)) $(call archives,lib)
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKFLAGS) -fsanitize=fuzzer -o $@ $^ $(NETCONF_LDLIBS)
$(B)/fuzz_ctl: $(B)/tests/fuzz/fuzz_ctl.o $(filter-out %/main.o,$(call objs,ctl)) $(call archives,lib)
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKFLAGS) -fsanitize=fuzzer -o $@ $^ $(CTL_LDLIBS)
$(B)/fuzz_conf: $(B)/tests/fuzz/fuzz_conf.o $(filter-out %/main.o,$(call objs,agent)) $(call archives,$(ROOMS))
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKFLAGS) -fsanitize=fuzzer -o $@ $^ $(AGENT_LDLIBS) -ljansson
$(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(call archives,$(ROOMS))
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKFLAGS) -fsanitize=fuzzer -o $@ $^ $(AGENT_LDLIBS)

# -- bench ------------------------------------------------------------------

BENCHES := $(patsubst %.c,$(B)/%,$(wildcard bench/*.c))
$(B)/bench/%: $(B)/bench/%.o $(call archives,$(ROOMS))
	$(call say,LD,$@)
	$(Q)$(CC) $(LINKFLAGS) -o $@ $^ $(AGENT_LDLIBS)

bench: deps all $(BENCHES)
	$(Q)B=$(B) bench/run

bench-million: deps all $(BENCHES)
	$(Q)B=$(B) bench/run million

# -- lint -------------------------------------------------------------------

lint:
	$(Q)tests/lint-layers doc/LAYERS
	$(Q)tests/lint-logs $(wildcard agent/*.c agent/*/*.c netconf/*.c)
	$(Q)for h in $(HEADERS); do \
	    $(CC) $(ALL_CFLAGS) -Wno-pedantic -fsyntax-only -include ./$$h -x c /dev/null || exit 1; done
	$(Q)case $$(clang-format --version) in \
	*' version 14.'*) clang-format --dry-run -Werror $(HEADERS) $(wildcard tests/unit/*.h) $(SOURCES) ;; \
	*) echo "lint: formatting not looked at: it is that of clang-format 14" ;; esac
	@echo "lint: layers, lines of the log, headers and formatting are clean"

# -- install ----------------------------------------------------------------

NETCONF_MAN = doc/man/nsherd-netconfd.8 doc/man/netconf.conf.5
NETCONF_FILES = 755:$(B)/nsherd-netconfd:$(PREFIX)/sbin/nsherd-netconfd \
        644:packaging/nsherd-netconfd.service:$(PREFIX)/lib/systemd/system/nsherd-netconfd.service \
        644:packaging/netconf.conf:$(PREFIX)/share/nsherd/netconf.conf \
        $(foreach p,$(wildcard yang/*.yang yang/*/*),644:$(p):$(PREFIX)/share/nsherd/$(p))
# mode:source:destination
FILES = 755:$(B)/nsherdd:$(PREFIX)/sbin/nsherdd \
        755:$(B)/nsherdctl:$(PREFIX)/bin/nsherdctl \
        644:packaging/nsherdd.service:$(PREFIX)/lib/systemd/system/nsherdd.service \
        644:packaging/nsd.service.d/nsherd.conf:$(PREFIX)/lib/systemd/system/nsd.service.d/nsherd.conf \
        644:packaging/nsherd.conf:$(PREFIX)/share/nsherd/nsherd.conf \
        755:packaging/join-servers:$(PREFIX)/share/nsherd/join-servers \
        $(foreach p,$(wildcard packaging/health/nsherd-*),755:$(p):$(PREFIX)/share/nsherd/health/$(notdir $(p))) \
        $(foreach p,$(wildcard packaging/health/*.conf),644:$(p):$(PREFIX)/share/nsherd/health/$(notdir $(p))) \
        644:packaging/grafana/nsherd.json:$(PREFIX)/share/nsherd/grafana/nsherd.json \
        644:packaging/prometheus/nsherd.rules.yml:$(PREFIX)/share/nsherd/prometheus/nsherd.rules.yml \
        755:patterns/exec/powerdns:$(PREFIX)/lib/nsherd/exec/powerdns \
        755:patterns/exec/nsherd-exec-check:$(PREFIX)/bin/nsherd-exec-check \
        $(foreach p,$(wildcard doc/*.md),644:$(p):$(PREFIX)/share/doc/nsherd/$(notdir $(p))) \
        $(foreach s,1 5 7 8,$(foreach p,$(filter-out $(if $(NETCONF),,$(NETCONF_MAN)),$(wildcard doc/man/*.$(s))),644:$(p):$(MANDIR)/man$(s)/$(notdir $(p)))) \
        $(if $(NETCONF),$(NETCONF_FILES)) \
        $(foreach p,$(wildcard patterns/*.ini patterns/*.zone),644:$(p):$(PREFIX)/share/nsherd/patterns/$(notdir $(p)))

install: all
	$(Q)set -e; for f in $(FILES); do m=$${f%%:*}; r=$${f#*:}; \
	    install -D -m $$m "$${r%%:*}" "$(DESTDIR)$${r#*:}"; \
	    case $$r in *.service:*) \
	        sed -i 's#/usr/s#$(PREFIX)/s#' "$(DESTDIR)$${r#*:}" ;; esac; done

uninstall:
	$(Q)set -e; for f in $(FILES); do r=$${f#*:}; d="$(DESTDIR)$${r#*:}"; rm -f "$$d"; \
	    rmdir -p --ignore-fail-on-non-empty "$$(dirname "$$d")" 2>/dev/null || :; done

# dpkg-buildpackage wants debian/ at the root: it gets a copy of what it needs.
# PREBUILT=DIR packs programs that are there, for tests; D is where it all goes.
D = build-deb
deb:
	$(Q)FOR=deb tests/deps
	$(Q)rm -rf $(D) && mkdir -p $(D)/source
	$(Q)tar --exclude='./build*' --exclude=./.git -cf - . | tar -xf - -C $(D)/source
	$(Q)cp -r packaging/debian $(D)/source/
	$(Q)cd $(D)/source && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u SAN -u B CC='$(CC)' \
	    PREBUILT='$(if $(PREBUILT),$(abspath $(PREBUILT)))' \
	    dpkg-buildpackage -b -us -uc -J$(shell nproc) > ../build.log 2>&1 || \
	    { tail -n 40 ../build.log; exit 1; }
	$(Q)rm -rf $(D)/source && ls $(D)/*.deb

clean:
	$(Q)rm -rf build build-deb build-san build-thread build-fuzz build-clang

-include $(shell find $(B) -name '*.d' 2>/dev/null)
