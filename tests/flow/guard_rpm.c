/* guard_rpm - rpm under a guard that enforces, with greatseal's plugin in it: what is approved is
 * installed, upgraded and erased; what is not is refused before anything happens, and what gets
 * past the plugin does not run.
 *
 * The tree is rpm, a shell and a few tools of this machine, with their libraries, on the tmpfs that
 * guard_world marks; programs run in it by chroot. Packages are made by rpmbuild. Skipped where
 * there is no rpm. With the argument "managers": dnf and zypper in the tree, too, and how they do.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_tree.h"
#include "tests/lib/mounts.h"

static struct guard_world w;
static const char *const *level; /* of the guard */
static bool with_managers;	 /* dnf and zypper are in the tree, too */

/* ---- Packages -------------------------------------------------------------------------------*/

/* /rpms/NAME-VERSION.rpm in the tree, and the same in TOP/rpms: a program /usr/bin/NAME; sections:
 * scripts of the spec. */
static void make_rpm(const char *name, const char *version, const char *sections)
{
	const struct file_spec spec = {.dirfd = AT_FDCWD, .name = NULL, .mode = 0644};
	struct file_spec put = spec;
	char path[200], text[3000];

	fx_check(here("set -e; umask 022; cd %s; mkdir -p build rpms\n"
		      "LC_ALL=C sed 's/GREATSEAL-LETTER:A/GREATSEAL-LETTER:B/' %s >build/program\n"
		      "printf '%s %s' >>build/program",
		      w.top, w.prog_path, name, version) == 0);
	(void)snprintf(text, sizeof(text),
		       "Name: %s\nVersion: %s\nRelease: 1\nEpoch: 3\nSummary: x\nLicense: x\n"
		       "AutoReqProv: no\nProvides: /bin/sh\n%%define debug_package %%{nil}\n"
		       "%%define _build_id_links none\n%%define __spec_install_post "
		       "%%{nil}\n%%description\nx\n%%install\n"
		       "mkdir -p %%{buildroot}/usr/bin %%{buildroot}/usr/share/%s\n"
		       "cp %s/build/program %%{buildroot}/usr/bin/%s\n"
		       "chmod 755 %%{buildroot}/usr/bin/%s\n"
		       "echo data >%%{buildroot}/usr/share/%s/data\n"
		       "%s\n%%files\n/usr/bin/%s\n/usr/share/%s\n",
		       name, version, name, w.top, name, name, name, sections, name, name);
	(void)snprintf(path, sizeof(path), "%s/build/%s.spec", w.top, name);
	put.name = path;
	fx_ok(file_replace(&put, view_str(text), NULL));
	fx_check(here("cd %s && HOME=%s rpmbuild --quiet --define '_topdir %s/build' --define "
		      "'_rpmdir %s/rpms' --define '_build_name_fmt %%{NAME}-%%{VERSION}.rpm' "
		      "-bb build/%s.spec >build/log 2>&1 && cp rpms/%s-%s.rpm %s/rpms/",
		      w.top, w.top, w.top, w.top, name, name, version, w.mount) == 0);
}

/* Scripts that leave a line in /var/NAME.SCRIPT. */
static void make_rpm_with_scripts(const char *name, const char *version)
{
	static const char *const kinds[] = {"pre", "post", "preun", "postun", "posttrans"};
	char text[2000];
	size_t n = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%%%s\n# %s\necho \"%s $1\" >>/var/%s.%s\n", kinds[i],
				      version, version, name, kinds[i]);
	make_rpm(name, version, text);
}

/* ---- The tree -------------------------------------------------------------------------------*/

static void make_tree(void)
{
	fx_check(here("set -e; umask 022; cd %s\n"
		      "mkdir -p usr/bin usr/sbin usr/lib usr/lib64 etc/greatseal dev proc root tmp "
		      "var/tmp var/lib/rpm var/lib/greatseal-approved/records run/greatseal-guard "
		      "rpms .$(dirname " GS_RPM_PLUGIN ")\n"
		      "for d in bin sbin lib lib64; do ln -s usr/$d $d; done\n"
		      "mknod dev/null c 1 3; chmod 666 dev/null; mknod dev/urandom c 1 9\n"
		      "echo root:x:0:0::/root:/bin/sh >etc/passwd; echo root:x:0: >etc/group\n"
		      "for p in sh bash cat chmod cmp cp grep ln mkdir mv rm rpm rpm2cpio "
		      "sha256sum touch; "
		      "do\n"
		      "f=$(command -v $p); cp -L $f usr/bin/$p\n"
		      "ldd $f | grep -o '/[^ ]*' | while read l; do cp -L --parents $l .; done; "
		      "done\n"
		      "cp -a /usr/lib/rpm usr/lib/; cp %s usr/sbin/greatseal-guard\n"
		      "cp %s/prog/rpm/greatseal.so ." GS_RPM_PLUGIN "\nmount -t proc proc proc",
		      w.mount, w.guard_path, getenv("BUILD")) == 0);
}

/* dnf with the Python that it is written in and nothing else of it, zypper and what it calls, those
 * that are here; /rpms is their repository. busybox unpacks. */
static void bring_managers(void)
{
	fx_check(here("set -e; umask 022; cd %s; mkdir -p etc/yum.repos.d etc/zypp/repos.d var/log "
		      "var/cache\n"
		      "cp /bin/busybox usr/bin\n"
		      "for f in bin/dnf bin/dnf-3 bin/python3 bin/zypper bin/rpmdb2solv "
		      "bin/repo2solv "
		      "lib/python3.11; do [ ! -e /usr/$f ] || cp -aL --parents /usr/$f .; done\n"
		      "for m in dnf hawkey libcomps libdnf rpm gpg; do "
		      "f=/usr/lib/python3/dist-packages/$m; [ ! -e $f ] || cp -a --parents $f .; "
		      "done\n"
		      "find usr/lib/python3* -name __pycache__ -o -path '*3.11/test' | xargs rm "
		      "-rf\n"
		      "(find usr/lib/python3* -name '*.so'; ls usr/bin/python3 usr/bin/zypper "
		      "usr/bin/*solv 2>/dev/null) | xargs ldd | grep -o '/lib[^ :]*' | sort -u | "
		      "while read l; do cp -L --parents $l .; done\n"
		      "printf '[local]\nname=local\nbaseurl=file:///rpms\ngpgcheck=0\n"
		      "metadata_expire=0\nautorefresh=1\n' >etc/yum.repos.d/local.repo\n"
		      "cp etc/yum.repos.d/local.repo etc/zypp/repos.d",
		      w.mount) == 0);
}

/* A guard that enforces all that is in the tree, and the gate in rpm. */
static void world(const char *const *more)
{
	level = more;
	tree_of(&w);
	make_tree();
	if (with_managers)
		bring_managers();
	/* What runs before the transaction wants its shell to be there already. */
	make_rpm("base", "1.0", "");
	assert_true(works("rpm -i /rpms/base-1.0.rpm && rm /usr/bin/base"));
	tree_conf();
	approve_tree((const char *const[]){"usr", "etc", NULL});
	gw_publish(&w);
	gw_start(&w, level);
	gw_enforce(&w);
	assert_true(works("greatseal-guard setup"));
	assert_true(says("rpm asks before it installs"));
}

static int end_world(void **state)
{
	char proc[100];

	(void)state;
	(void)snprintf(proc, sizeof(proc), "%s/proc", w.mount);
	gw_stop(&w);
	(void)umount2(proc, MNT_DETACH);
	gw_free(&w);
	return 0;
}

static int make_world(void **state)
{
	(void)state;
	gw_new(&w);
	world(NULL);
	return 0;
}

/* The same, and libraries and scripts are asked for. */
static int make_strict_world(void **state)
{
	/* As a guard of the machine has them without a setting; where Debian's rpm has its
	 * database, which dnf reads by Python; and the packages. */
	static const char *const place[] = {"etc",	   "var/lib",	  "var/cache",
					    "usr/lib/rpm", "root/.rpmdb", "rpms"};
	static char data[6][100];
	static const char *strict[15] = {"--level", "strict"};

	(void)state;
	gw_new(&w);
	for (size_t i = 0; i < sizeof(place) / sizeof(place[0]); i++) {
		(void)snprintf(data[i], sizeof(data[i]), "%s/%s", w.mount, place[i]);
		strict[2 + 2 * i] = "--data";
		strict[3 + 2 * i] = data[i];
	}
	world(strict);
	return 0;
}

static bool is_strict(void)
{
	return level != NULL;
}

/* ---- Tests ----------------------------------------------------------------------------------*/

static void packages_come_and_go(void **state)
{
	(void)state;
	make_rpm_with_scripts("hello", "1.0");
	/* Refused, before anything happens, with the way to ask; a test run says so, too. */
	assert_int_not_equal(0, in_tree("rpm -i --test /rpms/hello-1.0.rpm"));
	assert_int_not_equal(0, in_tree("rpm -i /rpms/hello-1.0.rpm"));
	assert_true(says("not approved: hello 3:1.0-1 "));
	assert_true(says("To ask for them: greatseal request-package FILE.rpm"));
	assert_true(says("greatseal: nothing is installed"));
	assert_false(there("/usr/bin/hello") || there("/var/hello.pre"));
	assert_int_not_equal(0, in_tree("rpm -q hello"));
	/* Approved meanwhile: the guard loads the record, rpm goes on, scripts and program run. */
	approve_package("rpms", "hello-1.0.rpm");
	assert_true(works("rpm -i /rpms/hello-1.0.rpm"));
	assert_true(there("/var/hello.pre") && there("/var/hello.post") &&
		    there("/var/hello.posttrans"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec hello"));
	assert_true(works("greatseal-guard gate /rpms/hello-1.0.rpm"));

	/* Upgraded: one that is not approved leaves all as it was. */
	make_rpm_with_scripts("hello", "2.0");
	assert_int_not_equal(0, in_tree("rpm -U /rpms/hello-2.0.rpm"));
	assert_true(says("not approved: hello 3:2.0-1 "));
	assert_true(works("rpm -q hello | grep -q hello-1.0-1"));
	approve_package("rpms", "hello-2.0.rpm");
	assert_true(works("rpm -U /rpms/hello-2.0.rpm"));
	assert_true(works("grep -qx '1.0 1' /var/hello.preun && grep -qx '1.0 1' "
			  "/var/hello.postun && grep -qx '2.0 2' /var/hello.post"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec hello"));
	assert_true(works("rpm -V hello"));
	/* The record of the version that is gone goes, the other one stays. */
	assert_int_equal(2, gw_number(&w, "packages"));
	assert_true(works("greatseal-guard tidy"));
	assert_string_equal("withdrawn: hello-1.0.rpm.record\n", tree_output());
	assert_int_equal(1, gw_number(&w, "packages"));

	/* Erased, with its scripts. */
	assert_true(works("rpm -e hello && grep -qx '2.0 0' /var/hello.postun"));
	assert_false(there("/usr/bin/hello"));
	assert_true(works("greatseal-guard tidy"));
	assert_int_equal(0, gw_number(&w, "packages"));
}

/* One of several is enough: nothing of the transaction happens. */
static void a_transaction_is_refused_as_a_whole(void **state)
{
	(void)state;
	make_rpm_with_scripts("good", "1.0");
	make_rpm_with_scripts("bad", "1.0");
	approve_package("rpms", "good-1.0.rpm");
	assert_int_not_equal(0, in_tree("rpm -i /rpms/good-1.0.rpm /rpms/bad-1.0.rpm"));
	assert_true(says("not approved: bad 3:1.0-1 "));
	assert_null(strstr(tree_output(), "not approved: good"));
	assert_false(there("/usr/bin/good") || there("/usr/bin/bad") || there("/var/good.pre"));
	assert_true(works("rpm -i /rpms/good-1.0.rpm && rpm -e good"));
	/* Into another root, too: it is this host's rpm. */
	assert_int_not_equal(0, in_tree("mkdir -p /root/other && rpm --root /root/other -i "
					"--nodeps /rpms/bad-1.0.rpm"));
	assert_true(says("not approved: bad"));
	assert_true(works("rpm --root /root/other -i --nodeps --noscripts "
			  "/rpms/good-1.0.rpm"));
	assert_true(there("/root/other/usr/bin/good"));
}

/* Nobody answers, or there is nobody to ask: nothing is installed. What only removes is not held.
 */
static void without_a_guard_nothing_is_installed(void **state)
{
	(void)state;
	make_rpm_with_scripts("late", "1.0");
	make_rpm_with_scripts("leaves", "1.0");
	approve_package("rpms", "late-1.0.rpm");
	approve_package("rpms", "leaves-1.0.rpm");
	assert_true(works("rpm -i /rpms/leaves-1.0.rpm"));
	gw_stop(&w);
	assert_int_not_equal(0, in_tree("rpm -i /rpms/late-1.0.rpm"));
	assert_true(says("cannot be asked"));
	assert_true(works("rpm -e leaves"));
	assert_true(works("mv /usr/sbin/greatseal-guard /root/guard"));
	assert_int_not_equal(0, in_tree("rpm -i /rpms/late-1.0.rpm"));
	assert_true(says("/usr/sbin/greatseal-guard cannot be run"));
	assert_true(works("printf '#!/bin/sh\\nkill -9 $$\\n' >/usr/sbin/greatseal-guard; "
			  "chmod 755 /usr/sbin/greatseal-guard"));
	assert_int_not_equal(0, in_tree("rpm -i /rpms/late-1.0.rpm"));
	assert_true(works("mv /root/guard /usr/sbin/greatseal-guard"));
	/* A plugin that is not there any more is no reason to go on without it. */
	assert_true(works("mv " GS_RPM_PLUGIN " /root/plugin"));
	assert_int_not_equal(0, in_tree("rpm -i /rpms/late-1.0.rpm"));
	assert_true(works("echo no >" GS_RPM_PLUGIN));
	assert_int_not_equal(0, in_tree("rpm -i /rpms/late-1.0.rpm"));
	/* rpm says so for the first package of several only, and ends all the same. */
	assert_int_not_equal(0, in_tree("rpm -i /rpms/leaves-1.0.rpm /rpms/late-1.0.rpm"));
	assert_true(works("mv /root/plugin " GS_RPM_PLUGIN));
	assert_int_not_equal(0, in_tree("rpm --define '__transaction_greatseal " GS_RPM_PLUGIN
					"' -i /rpms/late-1.0.rpm"));
	assert_true(says("names no guard"));
	assert_false(there("/var/late.pre") || there("/usr/bin/late"));
	gw_start(&w, level);
	assert_true(works("rpm -i /rpms/late-1.0.rpm && rpm -e late"));
}

/* Bytes of the file from its end on: another one. */
static void flip(const char *name, long back)
{
	char path[200];
	FILE *file;
	int c;

	(void)snprintf(path, sizeof(path), "%s/rpms/%s", w.mount, name);
	file = fopen(path, "r+");
	fx_check(file != NULL && fseek(file, -back, SEEK_END) == 0 && (c = fgetc(file)) != EOF &&
		 fseek(file, -back, SEEK_END) == 0 && fputc(c ^ 1, file) != EOF &&
		 fclose(file) == 0);
}

/* The payload of another package behind the header that was approved. */
static void graft(const char *head, const char *tail, const char *out)
{
	fx_check(here("cd %s/rpms && python3 - %s %s %s <<'E'\n"
		      "import struct, sys\n"
		      "def at(b):\n"
		      "    p = 96\n"
		      "    for i in range(2):\n"
		      "        p += -p %% 8\n"
		      "        il, dl = struct.unpack('>II', b[p + 8:p + 16])\n"
		      "        p += 16 + il * 16 + dl\n"
		      "    return p\n"
		      "a, b = (open(n, 'rb').read() for n in sys.argv[1:3])\n"
		      "open(sys.argv[3], 'wb').write(a[:at(a)] + b[at(b):])\nE\n",
		      w.mount, head, tail, out) == 0);
}

static void what_was_changed_is_not_installed(void **state)
{
	(void)state;
	make_rpm_with_scripts("ware", "1.0");
	make_rpm_with_scripts("ware", "6.6");
	approve_package("rpms", "ware-1.0.rpm");
	/* Another payload behind the approved header: rpm itself sees it. */
	graft("ware-1.0.rpm", "ware-6.6.rpm", "graft.rpm");
	assert_int_not_equal(0, in_tree("rpm -i /rpms/graft.rpm"));
	assert_false(there("/usr/bin/ware") || there("/var/ware.pre"));
	/* Told not to look, it unpacks it; what is in it does not run. */
	(void)in_tree("rpm -i --nodigest --nofiledigest --noverify /rpms/graft.rpm");
	assert_true(there("/usr/bin/ware"));
	assert_int_equal(126, in_tree("exec ware"));
	assert_true(works("rpm -e ware; rm -f /var/ware.*"));
	/* Another header is another package, whatever rpm is told not to look at. */
	fx_check(here("cd %s/rpms && LC_ALL=C sed 's/# 1[.]0$/# 1.1/' ware-1.0.rpm >header.rpm && "
		      "! cmp -s ware-1.0.rpm header.rpm",
		      w.mount) == 0);
	assert_int_not_equal(0, in_tree("rpm -i --nodigest --nosignature /rpms/header.rpm"));
	assert_true(says("not approved: ware"));
	assert_false(there("/var/ware.pre"));
	/* A record is not made for one whose halves are not of each other. */
	assert_int_not_equal(0, here("GREATSEAL_WORKER=%s/prog/worker/greatseal-worker "
				     "%s/prog/cli/greatseal list record -o %s %s/rpms/graft.rpm "
				     "2>%s/error",
				     getenv("BUILD"), getenv("BUILD"), w.top, w.mount, w.top));
	flip("ware-1.0.rpm", 10);
	assert_int_not_equal(0, in_tree("rpm -i /rpms/ware-1.0.rpm"));
}

/* Another package under the name that was asked for, when it is unpacked. */
static void a_swapped_package_is_caught(void **state)
{
	(void)state;
	make_rpm("swapper", "1.0", "%pretrans\ncp /rpms/prey-6.6.rpm /rpms/prey-1.0.rpm\n");
	make_rpm_with_scripts("prey", "1.0");
	make_rpm_with_scripts("prey", "6.6");
	approve_package("rpms", "swapper-1.0.rpm");
	approve_package("rpms", "prey-1.0.rpm");
	assert_int_not_equal(0, in_tree("rpm -i /rpms/swapper-1.0.rpm /rpms/prey-1.0.rpm"));
	assert_true(says("is not the package that was asked for"));
	assert_true(works("cmp /rpms/prey-1.0.rpm /rpms/prey-6.6.rpm"));
	assert_false(there("/usr/bin/prey") || there("/var/prey.pre"));
}

/* Without the plugin: what it brings does not run; its scripts not either where scripts are asked
 * for. */
static void the_guard_stands_behind(void **state)
{
	(void)state;
	make_rpm_with_scripts("evil", "1.0");
	(void)in_tree("rpm -i --noplugins /rpms/evil-1.0.rpm");
	assert_int_equal(is_strict(), !there("/var/evil.pre"));
	(void)in_tree("rpm -i --noplugins --noscripts --replacepkgs /rpms/evil-1.0.rpm");
	assert_true(there("/usr/bin/evil"));
	assert_int_equal(126, in_tree("exec evil"));
	assert_true(works("rpm -e --noscripts evil"));
}

/* It is unpacked by whoever builds, and installs nothing. */
static void a_source_package_is_unpacked(void **state)
{
	(void)state;
	make_rpm("source", "1.0", "");
	fx_check(here("cd %s && HOME=%s rpmbuild --quiet --define '_topdir %s/build' --define "
		      "'_srcrpmdir %s/rpms' -bs build/source.spec >build/log 2>&1",
		      w.top, w.top, w.top, w.mount) == 0);
	assert_true(works("HOME=/root rpm -i /rpms/source-1.0-1.src.rpm"));
	assert_true(there("/root/rpmbuild/SPECS/source.spec"));
}

static void what_the_list_revokes_is_refused(void **state)
{
	struct digest digest;
	AUTO(buf) struct buf bytes = {0};
	char path[200];

	(void)state;
	make_rpm_with_scripts("revoked", "1.0");
	approve_package("rpms", "revoked-1.0.rpm");
	assert_true(works("rpm -i --test /rpms/revoked-1.0.rpm"));
	/* The archive is revoked; rpm's plugin knows the header alone. */
	(void)snprintf(path, sizeof(path), "%s/rpms/revoked-1.0.rpm", w.mount);
	buf_init(&bytes, 1 << 24);
	fx_ok(file_read(path, &bytes, NULL));
	digest = digest_of(buf_view(&bytes));
	w.record[w.count++] = (struct content){.digest = digest, .classes = LIST_REVOKED};
	gw_publish(&w);
	assert_int_not_equal(0, in_tree("rpm -i /rpms/revoked-1.0.rpm"));
	assert_true(says("revoked: revoked 3:1.0-1 "));
	assert_int_not_equal(0, in_tree("greatseal-guard gate /rpms/revoked-1.0.rpm"));
	/* Taken off the list, it is as it was. */
	w.count--;
	gw_publish(&w);
	assert_true(works("rpm -i --test /rpms/revoked-1.0.rpm"));
}

/* SHA-256 of the package's main header, or of a text. */
static struct digest digest_by(const char *command)
{
	AUTO(buf) struct buf hex = {0};
	struct digest digest;
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/hex", w.top);
	fx_check(here("(%s) >%s", command, path) == 0);
	buf_init(&hex, 200);
	fx_ok(file_read(path, &hex, NULL));
	fx_ok(digest_parse(view_of(hex.ptr, 64), &digest));
	return digest;
}

static void approve_digest(const char *command, unsigned class)
{
	w.record[w.count++] =
		(struct content){.digest = digest_by(command), .classes = (uint8_t) class};
	gw_publish(&w);
}

/* Lua runs inside rpm: the guard never sees it run, so the gate asks for its text. */
static void lua_is_asked_for(void **state)
{
	char header[300];
	static const char sum[] =
		"printf '%s' 'io.open(\"/var/lua.post\", \"w\"):close()' | sha256sum";

	(void)state;
	make_rpm("lua", "1.0", "%post -p <lua>\nio.open(\"/var/lua.post\", \"w\"):close()\n");
	/* A list that has the package, and not its script. */
	(void)snprintf(header, sizeof(header),
		       "rpm -qp --qf '%%{SHA256HEADER}' %s/rpms/lua-1.0.rpm", w.mount);
	approve_digest(header, LIST_ARCHIVE);
	assert_int_not_equal(0, in_tree("rpm -i /rpms/lua-1.0.rpm"));
	assert_true(says("not approved: lua 3:1.0-1 ") &&
		    says(": its script postin runs inside rpm (sha256 ") &&
		    says("greatseal request-package FILE.rpm"));
	assert_false(there("/var/lua.post") || there("/usr/bin/lua"));
	/* With it, by whatever list or record. */
	approve_digest(sum, LIST_SCRIPT);
	assert_true(works("rpm -i --test /rpms/lua-1.0.rpm"));
	w.count -= 2;
	gw_publish(&w);
	assert_int_not_equal(0, in_tree("rpm -i /rpms/lua-1.0.rpm"));
	approve_package("rpms", "lua-1.0.rpm");
	approve_digest(sum, LIST_REVOKED);
	assert_int_not_equal(0, in_tree("rpm -i /rpms/lua-1.0.rpm"));
	assert_true(says("revoked: lua 3:1.0-1 ") && says("its script postin"));
	w.count--;
	gw_publish(&w);
	assert_true(works("rpm -i /rpms/lua-1.0.rpm"));
	assert_true(there("/var/lua.post"));
	assert_true(works("rpm -e lua"));
}

/* What rpm expands is another text when it runs: nobody approves it by approving the package. */
static void expansion_is_asked_for(void **state)
{
	(void)state;
	make_rpm("expands", "1.0", "%post -e\necho %%{gs_word} >/var/expands.post\n");
	approve_package("rpms", "expands-1.0.rpm");
	assert_int_not_equal(0, in_tree("rpm -i /rpms/expands-1.0.rpm"));
	assert_true(says("not approved: expands 3:1.0-1 ") &&
		    says(": its script postin is expanded by rpm here (sha256 ") &&
		    says("greatseal request-package --expanded FILE.rpm"));
	assert_false(there("/usr/bin/expands"));
	approve_package_with("--expanded", "rpms", "expands-1.0.rpm");
	assert_true(works("rpm --define 'gs_word yes' -i /rpms/expands-1.0.rpm"));
	assert_true(works("grep -qx yes /var/expands.post && rpm -e expands"));
}

static void observing_lets_pass_and_says_so(void **state)
{
	(void)state;
	make_rpm("seen", "1.0", "");
	assert_int_equal(0, gw_verb(&w, "observe"));
	assert_true(works("rpm -i /rpms/seen-1.0.rpm"));
	assert_true(says("not approved: seen") && says("when it enforces, this is refused"));
	gw_enforce(&w);
	assert_int_equal(126, in_tree("exec seen"));
	assert_true(works("rpm -e seen"));
}

static void setup_is_undone(void **state)
{
	(void)state;
	make_rpm("free", "1.0", "");
	assert_true(works("greatseal-guard setup"));
	assert_string_equal("", tree_output());
	assert_true(works("greatseal-guard status --config /etc/greatseal/guard.conf"));
	assert_true(says("{\"gate\":{\"apt\":false,\"dpkg\":false,\"rpm\":true}}"));
	/* Switched off by a macro of root's: seen. */
	assert_true(works("echo '%__transaction_greatseal %{nil}' >/etc/rpm/macros; "
			  "greatseal-guard status --config /etc/greatseal/guard.conf; "
			  "rm /etc/rpm/macros"));
	assert_true(says("\"rpm\":false"));
	assert_true(works("greatseal-guard setup --remove"));
	assert_true(says("macros.greatseal: gone") && says("greatseal.so: gone"));
	assert_true(works("greatseal-guard setup --remove"));
	assert_string_equal("", tree_output());
	assert_true(works("greatseal-guard status --config /etc/greatseal/guard.conf"));
	assert_true(says("\"rpm\":false"));
	assert_true(works("rpm -i /rpms/free-1.0.rpm && rpm -e free"));
	/* Without the plugin it cannot be set up. */
	assert_int_equal(1, in_tree("mv " GS_RPM_PLUGIN " /root/plugin || exit 9; greatseal-guard "
				    "setup; r=$?; mv /root/plugin " GS_RPM_PLUGIN "; exit $r"));
	assert_true(says("is not installed"));
	assert_true(works("greatseal-guard setup"));
	assert_int_not_equal(0, in_tree("rpm -i /rpms/free-1.0.rpm"));
}

/* ---- dnf and zypper -------------------------------------------------------------------------*/

/* --refresh: what metadata_expire=0 says is not expired within the same second. */
#define DNF "dnf -y --refresh --releasever=1 "

static void index_rpms(void)
{
	fx_check(here("createrepo_c -q %s/rpms", w.mount) == 0);
}

static void only_where(const char *manager)
{
	char path[100];

	(void)snprintf(path, sizeof(path), "/usr/bin/%s", manager);
	if (!there(path) || here("command -v createrepo_c >/dev/null") != 0)
		skip();
}

static void dnf_is_held(void **state)
{
	static const char *const ways[] = {
		DNF "install tool",
		DNF "--noplugins install tool",
		DNF "--setopt=tsflags=noscripts --setopt=tsflags=nocrypto install tool",
		DNF "--installroot=/root/other --setopt=reposdir=/etc/yum.repos.d install tool",
	};

	(void)state;
	only_where("dnf");
	make_rpm_with_scripts("tool", "1.0");
	index_rpms();
	for (size_t i = 0; i < (is_strict() ? 1 : sizeof(ways) / sizeof(ways[0])); i++) {
		assert_int_not_equal(0, in_tree(ways[i]));
		assert_true(says("not approved: tool 3:1.0-1 ") &&
			    says("To ask for them: greatseal request-package FILE.rpm") &&
			    says("--with dnf NAME") && says("nothing is installed"));
		assert_false(there("/usr/bin/tool") || there("/var/tool.pre"));
	}
	assert_int_not_equal(0, in_tree("rpm -q tool"));
	approve_package("rpms", "tool-1.0.rpm");
	assert_true(works(DNF "install tool"));
	assert_true(there("/var/tool.pre") && there("/var/tool.posttrans"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec tool"));

	if (is_strict()) {
		assert_true(works(DNF "remove tool"));
		return;
	}
	/* All that can be upgraded, and one of it is not approved: nothing is. */
	make_rpm_with_scripts("other", "1.0");
	approve_package("rpms", "other-1.0.rpm");
	index_rpms();
	assert_true(works(DNF "install other"));
	make_rpm_with_scripts("tool", "2.0");
	make_rpm_with_scripts("other", "2.0");
	approve_package("rpms", "other-2.0.rpm");
	index_rpms();
	assert_int_not_equal(0, in_tree(DNF "upgrade"));
	assert_true(says("not approved: tool 3:2.0-1 "));
	assert_true(works("rpm -q tool-1.0 other-1.0"));
	approve_package("rpms", "tool-2.0.rpm");
	assert_true(works(DNF "upgrade"));
	assert_true(works("rpm -V tool-2.0 other-2.0"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec tool"));
	/* Back again, anew, and away. */
	assert_true(works(DNF "downgrade tool && rpm -q tool-1.0"));
	assert_true(works(DNF "reinstall tool"));
	assert_true(works(DNF "remove tool other"));
	assert_false(there("/usr/bin/tool") || there("/usr/bin/other"));
}

static void zypper_is_held(void **state)
{
	(void)state;
	only_where("zypper");
	make_rpm_with_scripts("zed", "1.0");
	index_rpms();
	assert_int_not_equal(0, in_tree("zypper -n install zed"));
	assert_true(says("not approved: zed 3:1.0-1 "));
	assert_false(there("/usr/bin/zed") || there("/var/zed.pre"));
	approve_package("rpms", "zed-1.0.rpm");
	assert_true(works("zypper -n install zed"));
	/* zypper itself runs this one, as a file of its own shape, which no record has. */
	assert_int_equal(is_strict(), !there("/var/zed.posttrans"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec zed"));
	/* Its own cache of a database in which nothing is left fails; zed is gone. */
	(void)in_tree("zypper -n remove zed");
	assert_int_not_equal(0, in_tree("rpm -q zed"));
}

/* Without rpm: the files come, and do not run. */
static void what_is_only_unpacked_does_not_run(void **state)
{
	(void)state;
	make_rpm("loose", "1.0", "");
	assert_true(works("cd /root && rpm2cpio /rpms/loose-1.0.rpm | busybox cpio -id"));
	assert_true(there("/root/usr/bin/loose"));
	assert_int_equal(126, in_tree("exec /root/usr/bin/loose"));
	approve_package("rpms", "loose-1.0.rpm");
	assert_int_equal(0, gw_verb(&w, "reload"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec /root/usr/bin/loose"));
}

int main(int argc, char **argv)
{

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packages_come_and_go),
		cmocka_unit_test(a_transaction_is_refused_as_a_whole),
		cmocka_unit_test(without_a_guard_nothing_is_installed),
		cmocka_unit_test(what_was_changed_is_not_installed),
		cmocka_unit_test(a_swapped_package_is_caught),
		cmocka_unit_test(the_guard_stands_behind),
		cmocka_unit_test(a_source_package_is_unpacked),
		cmocka_unit_test(what_the_list_revokes_is_refused),
		cmocka_unit_test(lua_is_asked_for),
		cmocka_unit_test(expansion_is_asked_for),
		cmocka_unit_test(observing_lets_pass_and_says_so),
		cmocka_unit_test(setup_is_undone),
	};
	const struct CMUnitTest strict[] = {
		cmocka_unit_test(packages_come_and_go),
		cmocka_unit_test(without_a_guard_nothing_is_installed),
		cmocka_unit_test(what_was_changed_is_not_installed),
		cmocka_unit_test(a_swapped_package_is_caught),
		cmocka_unit_test(the_guard_stands_behind),
	};
	const struct CMUnitTest managers[] = {
		cmocka_unit_test(dnf_is_held),
		cmocka_unit_test(zypper_is_held),
		cmocka_unit_test(what_is_only_unpacked_does_not_run),
	};

	if (here("command -v rpm rpmbuild >/dev/null") != 0) {
		(void)printf("1 test program skipped: no rpm here\n");
		return MOUNTS_SKIP;
	}
	if (!gw_possible())
		return MOUNTS_SKIP;
	with_managers = argc > 1 && strcmp(argv[1], "managers") == 0;
	if (with_managers)
		return cmocka_run_group_tests_name("level base", managers, make_world, end_world) +
		       cmocka_run_group_tests_name("level strict", managers, make_strict_world,
						   end_world);
	return cmocka_run_group_tests_name("level base", tests, make_world, end_world) +
	       cmocka_run_group_tests_name("level strict", strict, make_strict_world, end_world);
}
