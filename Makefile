# make demo       the main job on real input, from nothing: installs what is missing, builds, runs three times
# make test       everything that is quick: units, header hygiene, four back ends, faults, seams, docs
# make show-main  measures every promise from clean and prints ok or short for each (about an hour)
# make show-setup measures what plans and migrations promise, in the same way
# make show-sync  measures what declared state promises, in the same way
# make sabotage   breaks each promise on purpose and demands that its test notices
# make bench      speed;  make size  lines and bytes per room;  make clean

CC = cc
STRICT = -Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wundef -Wstrict-prototypes \
	-Wmissing-prototypes -Wdouble-promotion -Wpointer-arith
SANITIZE = -g -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS = -O0 $(SANITIZE)
# What a unit does not need is not compiled: most of the time of a test is the compiler's.
LEFT_OUT = $(if $(filter sync% connect,$1),,-DD1T_NO_SYNC -DD1T_NO_CONNECT)
LIBS = -lsqlite3 -lcurl -lm -lpthread

UNITS = $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
SUITES = setup sync hygiene behaviour faults seams docs migrate mirror $(UNITS:%=unit-%)
HEADERS = d1target.h $(wildcard examples/*.h tests/support/*.h)

NEED = sqlite3.h=libsqlite3-dev curl/curl.h=libcurl4-openssl-dev
NEED_TEST = $(NEED) microhttpd.h=libmicrohttpd-dev g++=g++ clang=clang npm=npm curl=curl sqlite3=sqlite3 \
	ctags=universal-ctags

export CC

demo:
	@tests/tools/demo.sh

test:
	@tests/tools/need.sh $(NEED_TEST)
	@rm -rf build/log
	@mkdir -p build/log
	@$(MAKE) --no-print-directory -j2 $(SUITES)
	@cat build/log/*.short 2>/dev/null || true
	@cd build/log && cat $(SUITES:%=%.count) | \
		awk '{ p += $$1; f += $$2 } END { print p " passed, " f " failed"; exit f > 0 || p == 0 }'

LOGGED = @CFLAGS='$(CFLAGS)' tests/tools/logged.sh $@

behaviour faults seams setup sync:
	$(LOGGED) tests/$@/run.sh
hygiene:
	$(LOGGED) tests/compile/run.sh
docs:
	$(LOGGED) tests/tools/docs.sh
migrate:
	$(LOGGED) tests/setup/migrate.sh
mirror:
	$(LOGGED) tests/sync/mirror.sh
$(UNITS:%=unit-%): unit-%:
	$(LOGGED) sh -c '$(MAKE) -s build/unit/$* && build/unit/$*'

build/unit/%: tests/unit/%.c $(HEADERS) Makefile
	@mkdir -p $(@D)
	$(CC) -std=c99 -D_POSIX_C_SOURCE=200809L $(STRICT) $(CFLAGS) $(call LEFT_OUT,$*) $< -o $@ $(LIBS)

show-main: clean
	@tests/tools/need.sh $(NEED_TEST)
	@tests/tools/show-main.sh
show-setup: clean
	@tests/tools/need.sh $(NEED_TEST)
	@tests/tools/show-setup.sh
show-sync: clean
	@tests/tools/need.sh $(NEED_TEST)
	@tests/tools/show-sync.sh
sabotage:
	@tests/tools/need.sh $(NEED_TEST)
	@tests/tools/sabotage.sh
bench:
	@tests/tools/need.sh $(NEED_TEST)
	@tests/bench/run.sh
size:
	@tests/tools/size.sh
clean:
	rm -rf build

.PHONY: demo test show-main show-setup show-sync sabotage bench size clean $(SUITES)
