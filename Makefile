# make check   the quick loop: format, clippy, unit tests        make demo   upgrades a stick with a real month of fixes
# make lint    all that finds faults without running anything    make bench  the figures
# make test    lint and all tests                                make tuf-client   the TUF conformance client
# make test-long   files of GiB, which take minutes
# make fuzz    every parser of bytes from outside               make figures  those of trust, beside others
# make matrix SEED=N   every state, and everything that happens to people there (20 minutes)
# make test-vm power cuts, and what starts: all of it           make demo-app   the app, on the demo's stick
# make po      brings the translations up to the texts          make install DESTDIR=… PREFIX=/usr PROFILE=release|dev
PREFIX ?= /usr
DESTDIR ?=
PROFILE ?= dev
CARGO ?= cargo
FUZZ_SECONDS ?= 60

built = target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
tools = target/tools/bin
libexec = $(DESTDIR)$(PREFIX)/libexec
lib = $(DESTDIR)$(PREFIX)/lib
share = $(DESTDIR)$(PREFIX)/share
shell_files = $(shell git ls-files --cached --others --exclude-standard | xargs grep -lE '^\#!/bin/(ba)?sh')

.PHONY: build check lint test test-vm matrix test-long demo bench install tuf-client fuzz figures packages lint-code lint-docs lint-shell lint-dependencies lint-units lint-man lint-desktop lint-po po demo-app

build:
	$(CARGO) build --workspace --bins --profile $(PROFILE)

check: lint-code
	$(CARGO) test --workspace --lib --bins

lint: lint-code lint-docs lint-shell lint-dependencies lint-units lint-man lint-desktop lint-po

lint-code:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	for room in fuzz figures; do (cd tests/$$room && $(CARGO) fmt --check) || exit 1; done

lint-docs:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --quiet

lint-shell:
	shellcheck $(shell_files)
	@for file in $(shell_files); do \
	    [ "$$(wc -l <$$file)" -le 50 ] || { echo "$$file has more than 50 lines: write Rust" >&2; exit 1; }; \
	done

# Advisories need the network's database and change without us: they are not part of a build that must give the same answer tomorrow.
lint-dependencies: $(tools)/cargo-deny
	.ci/unused-dependencies
	$(tools)/cargo-deny --workspace check bans licenses sources
	for room in trust daemon; do \
	    $(tools)/cargo-deny --config deny-product.toml --manifest-path $$room/Cargo.toml check bans sources || exit 1; \
	done
	@echo "skipped: security advisories of dependencies (they need a database from the network)"

$(tools)/cargo-deny:
	$(CARGO) install cargo-deny --locked --root target/tools

# The units as they are installed, with the programs and man pages that they name. Of an unknown key systemd only complains, so a word is a
# failure.
lint-units: build
	rm -rf target/units
	$(MAKE) --no-print-directory install DESTDIR= PREFIX=$(CURDIR)/target/units
	! MANPATH=$(CURDIR)/target/units/share/man systemd-analyze verify $(CURDIR)/target/units/lib/systemd/system/sameday* 2>&1 | grep .

# What the desktop reads of the app, by its own validators, as it is installed.
lint-desktop: lint-units
	xmllint --noout gui/src/*.ui gui/src/*.xml
	desktop-file-validate target/units/share/applications/*.desktop
	appstreamcli validate --no-net --strict target/units/share/metainfo/*.xml
	xmllint --noout target/units/share/mime/packages/*.xml
	XDG_DATA_DIRS=$(CURDIR)/target/units/share update-mime-database target/units/share/mime
	! XDG_RUNTIME_DIR=$(CURDIR)/target/units MANPATH=$(CURDIR)/target/units/share/man \
	    systemd-analyze --user verify $(CURDIR)/target/units/lib/systemd/user/sameday* 2>&1 | grep .

lint-po: build
	$(built)/sameday-po check

# Template and catalogues.
po: build
	$(built)/sameday-po template
	$(built)/sameday-po merge

# What the formatter warns of is shown wrongly somewhere.
lint-man: lint-units
	! for page in target/units/share/man/man?/*; do groff -man -ww -z -Tutf8 -Kutf8 "$$page"; done 2>&1 | grep .

test: packages lint
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace

# `make test` runs a tenth of it, always the same one.
matrix: packages
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --test matrix -- --all $(if $(SEED),--seed $(SEED))

# The sizes at which file systems and programs count over: each byte is written, and read back. And silence that really lasts.
test-long: packages
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --test sizes -- --long
	$(CARGO) test --workspace --test sources -- --ignored

# What needs whole computers: every state in which a power cut can leave a stick and every decision of the boot loader, of which `make test` plays a
# part, and real sticks. VM=core: the few boots that the build machine has time for; other words choose by name.
test-vm: packages
	$(CARGO) build --workspace --bins
	rm -rf target/vm/installed
	$(MAKE) --no-print-directory install DESTDIR=$(CURDIR)/target/vm/installed
	$(if $(VM),,$(CARGO) test --workspace --test replay -- all)
	$(if $(VM),,$(CARGO) test --workspace --test grub -- all)
	$(CARGO) test --workspace --test vm -- dir=$(CURDIR)/target/vm $(VM)

# Programs are always built together: a subset gets dependencies of other features, and Arti would be built twice.
demo: packages
	$(CARGO) build --workspace --bins
	rm -rf target/demo/installed
	$(MAKE) --no-print-directory install DESTDIR=$(CURDIR)/target/demo/installed
	target/debug/demo target/demo

# The app on a stick like the demo's, for whoever sits at this desktop.
demo-app: packages
	$(CARGO) build --workspace --bins
	rm -rf target/demo/installed
	$(MAKE) --no-print-directory install DESTDIR=$(CURDIR)/target/demo/installed
	target/debug/demo target/demo --app

bench: packages
	$(CARGO) build --workspace --bins
	target/debug/bench

# The conformance client, for suites that test TUF clients.
tuf-client:
	$(CARGO) build --release --locked -p sameday-tuf-client --bin tuf-client

# Every parser of bytes from outside, each for so long.
fuzz: packages
	cd tests/fuzz && $(CARGO) run --release --locked -- --seconds $(FUZZ_SECONDS)

# The figures of trust: beside others, coverage by its tests (not optimised, or lines go missing), lines without tests.
figures: packages $(tools)/cargo-tarpaulin
	python=$$(tests/interop/python-env) && cd tests/figures && $(CARGO) run --release --locked -- "$$python"
	PATH="$(CURDIR)/$(tools):$$PATH" CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=full $(CARGO) tarpaulin \
	    --engine ptrace -p sameday-trust --lib --test attacks --test workflow --test no_panic --skip-clean \
	    --target-dir target/coverage --include-files 'trust/src/*'
	@awk 'FNR==1{t=0} /^#\[cfg\(test\)\]/{t=1} !t{n++; if ($$0 !~ /^ *(\/\/|$$)/) c++} END{print n" lines, "c" of code"}' \
	    $$(find trust/src -name '*.rs')

$(tools)/cargo-tarpaulin:
	$(CARGO) install cargo-tarpaulin --locked --root target/tools

packages:
	packaging/install-packages

# Installs what `make build` has built. Files name programs under /usr; another PREFIX is put in their place.
install:
	install -d $(libexec) $(DESTDIR)$(PREFIX)/bin $(share)/dbus-1/system.d $(share)/dbus-1/system-services \
	    $(share)/dbus-1/interfaces $(share)/polkit-1/actions $(share)/man/man8 $(lib)/systemd/system $(lib)/sysusers.d \
	    $(share)/dbus-1/services $(lib)/systemd/user $(share)/icons/hicolor/scalable/apps $(share)/icons/hicolor/symbolic/apps
	install -m 755 $(built)/samedayd $(built)/sameday-boot-good $(built)/sameday-fetcher $(built)/sameday-kit-reader $(libexec)
	install -m 755 $(built)/sameday $(built)/sameday-gtk $(built)/sameday-publish $(DESTDIR)$(PREFIX)/bin
	install -m 644 dbus/org.sameday.Upgrader1.conf $(share)/dbus-1/system.d
	install -m 644 dbus/org.sameday.Upgrader1.service $(share)/dbus-1/system-services
	install -m 644 dbus/org.sameday.Upgrader1.xml $(share)/dbus-1/interfaces
	install -m 644 polkit/org.sameday.upgrader1.policy $(share)/polkit-1/actions
	install -m 644 packaging/sysusers.d/*.conf $(lib)/sysusers.d
	install -m 644 packaging/systemd/*.service packaging/systemd/*.socket packaging/systemd/*.timer packaging/systemd/*.target $(lib)/systemd/system
	sed -i 's|/usr/libexec/|$(PREFIX)/libexec/|; s|=/usr/bin/|=$(PREFIX)/bin/|' $(lib)/systemd/system/sameday*.service
	install -m 644 gui/data/org.sameday.Upgrader.service $(share)/dbus-1/services
	install -m 644 packaging/systemd-user/*.service $(lib)/systemd/user
	sed -i 's|=/usr/bin/|=$(PREFIX)/bin/|' $(share)/dbus-1/services/org.sameday.*.service $(lib)/systemd/user/sameday*.service
	install -m 644 gui/data/icons/org.sameday.Upgrader.svg $(share)/icons/hicolor/scalable/apps
	install -m 644 gui/data/icons/org.sameday.Upgrader-symbolic.svg $(share)/icons/hicolor/symbolic/apps
	$(built)/sameday-po desktop $(share)
	$(built)/sameday-po compile $(share)/locale
	$(built)/sameday-pages $(share)
	install -m 644 packaging/man/*.8 $(share)/man/man8
	install -m 644 packaging/man/*.1 $(share)/man/man1
