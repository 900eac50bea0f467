#!/usr/bin/env bash
# show-setup.sh [ITEM…]  Measures what setup promises, and prints a line for each item: ok or short, what it is, its
# figures. The whole output of an item is in build/show/ITEM.log. Status 1: an item is short.
set -eu
cd "$(dirname "$0")/../.."
unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS

# NAME: what it shows. The function item_NAME measures it.
items='
acceptance:     every behaviour of the lists that concerns setup, a test function each
property:       2,000 random pairs of schemas on local_d1: B is there, rows are kept, nothing is left over
property-live:  200 of the pairs on real workerd
cascade:        p <- c <- gc on real workerd: every row survives a rebuild of p
crash:          a crash at every point of 200 migrations: the next run ends in B
race:           two migrators on real workerd, 100 rounds that overlapped: one winner each
others:         tables made by others survive a no-op plan with 0 statements
split:          a rebuild over the limit in small requests, cut off at every point while others write
large:          1,000 tables of 50 columns: diff in 100 ms, read in 3 requests
migrate:        the migrate command: plan, apply, drift, export-state
sabotage:       every promise that is broken on purpose turns its test short'

item_acceptance() { tests/setup/run.sh acceptance local; }
item_property() { PAIRS=2000 tests/setup/run.sh property local; }
item_property_live() { PAIRS=200 tests/setup/run.sh property live; }
item_cascade() { tests/setup/run.sh cascade live; }
item_crash() { tests/setup/run.sh crash 200; }
item_race() { tests/setup/run.sh race live 100; }
item_others() { tests/setup/run.sh others local; }
item_split() { tests/setup/run.sh split local; }
item_large() { tests/setup/run.sh large local; }
item_migrate() { tests/setup/migrate.sh; }
item_sabotage() { tests/tools/sabotage.sh; }

. tests/tools/show.sh
