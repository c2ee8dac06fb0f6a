/* guard_packages - apt and dpkg of a whole Debian tree under a guard that enforces: what is
 * approved is installed, upgraded and purged; what is not is refused, by whatever door it comes.
 *
 * The tree is made by mmdebstrap once for a build directory, and unpacked onto the tmpfs that
 * guard_world marks; programs run in it by chroot. Skipped where it cannot be made. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/fd.h"
#include "tests/lib/fixture.h"
#include "tests/lib/guard_tree.h"
#include "tests/lib/mounts.h"

#define DENIED (GW_REFUSED + EPERM)

static struct guard_world w;
static const char *const *level; /* of the guard */
static char tarball[300];

/* ---- Packages -------------------------------------------------------------------------------*/

/* TOP/debs/NAME_VERSION_all.deb, with a program /usr/bin/NAME and, if wanted, scripts that leave
 * /var/NAME.SCRIPT behind. The same beside the tree's root. The program is like no other's: what
 * runs somewhere on the machine is not withdrawn, in a tree beside this one, too. */
static void make_deb(const char *name, const char *version, bool scripts)
{
	fx_check(here("set -e; umask 022; cd %s; rm -rf pkg; mkdir -p pkg/DEBIAN pkg/usr/bin debs\n"
		      "LC_ALL=C sed 's/GREATSEAL-LETTER:A/GREATSEAL-LETTER:B/' %s >pkg/usr/bin/%s\n"
		      "printf '%%s' '%s %s' >>pkg/usr/bin/%s; chmod 755 pkg/usr/bin/%s\n"
		      "printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: A "
		      "<a@example>\\nDescription: x\\n' >pkg/DEBIAN/control\n"
		      "if [ %d = 1 ]; then for s in preinst postinst prerm postrm; do\n"
		      "printf '#!/bin/sh\\n# %s\\necho \"$@\" >>/var/%s.'$s'\\n' "
		      ">pkg/DEBIAN/$s; chmod 755 pkg/DEBIAN/$s; done; fi\n"
		      "dpkg-deb --root-owner-group --build pkg debs/%s_%s_all.deb >/dev/null\n"
		      "cp debs/%s_%s_all.deb %s/debs/",
		      w.top, w.prog_path, name, version, w.top, name, name, name, version,
		      scripts ? 1 : 0, version, name, name, version, name, version, w.mount) == 0);
}

/* ---- The tree -------------------------------------------------------------------------------*/

static bool make_tarball(void)
{
	const char *build = getenv("BUILD");

	fx_check(build != NULL);
	(void)snprintf(tarball, sizeof(tarball), "%s/package-tree.tar", build);
	if (access(tarball, R_OK) == 0)
		return true;
	(void)printf("making %s\n", tarball);
	(void)fflush(stdout);
	return here("set -e; . /etc/os-release; mmdebstrap --quiet --variant=apt --format=tar "
		    "--customize-hook='chroot \"$1\" sh -c \"mkdir /debs && cd /debs && apt-get "
		    "-qq -o APT::Sandbox::User=root download libc6 dash\"' "
		    "\"$VERSION_CODENAME\" %s.part.tar >%s.log 2>&1 && mv %s.part.tar %s",
		    tarball, tarball, tarball, tarball) == 0;
}

/* The class for what lies at this path in the tree, too. */
static void name_producer(const char *name)
{
	AUTO(buf) struct buf bytes = {0};
	struct digest digest;
	char path[200];

	gw_path(&w, name, path);
	buf_init(&bytes, 1 << 24);
	fx_ok(file_read(path, &bytes, NULL));
	digest = digest_of(buf_view(&bytes));
	for (size_t i = 0; i < w.count; i++)
		if (digest_is_equal(&w.record[i].digest, &digest))
			w.record[i].classes |= LIST_PRODUCER;
}

/* A guard that enforces all that is in the tree, and the gate in front of apt and dpkg. */
static void world(const char *const *more)
{
	level = more;
	fx_check(here("tar -xf %s -C %s", tarball, w.mount) == 0);
	tree_of(&w);
	fx_check(here("set -e; cd %s; mkdir -p etc/greatseal run/greatseal-guard "
		      "var/lib/greatseal-approved/records var/lib/generated debs; cp %s "
		      "usr/sbin/greatseal-guard; "
		      "mount -t proc proc proc",
		      w.mount, w.guard_path) == 0);
	tree_conf();
	approve_tree((const char *const[]){"usr", "etc", "var/lib/dpkg/info", NULL});
	name_producer("usr/bin/tar");
	gw_publish(&w);
	gw_start(&w, level);
	gw_enforce(&w);
	assert_true(works("greatseal-guard setup"));
}

static void end(void)
{
	char proc[100];

	(void)snprintf(proc, sizeof(proc), "%s/proc", w.mount);
	gw_stop(&w);
	(void)umount2(proc, MNT_DETACH);
	gw_free(&w);
}

/* ---- Tests ----------------------------------------------------------------------------------*/

static void packages_come_and_go(void **state)
{
	int ends[2], status;
	char log[100];
	pid_t old;

	(void)state;
	make_deb("hello", "1.0", true);
	/* Refused by apt, before anything happens, with the way to ask. */
	assert_int_not_equal(0, in_tree("apt-get install -y /debs/hello_1.0_all.deb"));
	assert_true(says("not approved: hello 1.0 all (sha256 "));
	assert_true(says("To ask for them: greatseal request-package "
			 "/debs/hello_1.0_all.deb\n"));
	assert_false(there("/usr/bin/hello") || there("/var/hello.preinst"));
	/* Approved meanwhile: apt's hook has the guard load it, dpkg goes on. */
	approve_package("debs", "hello_1.0_all.deb");
	assert_true(works("apt-get install -y /debs/hello_1.0_all.deb"));
	assert_true(there("/var/hello.preinst") && there("/var/hello.postinst"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec hello"));
	assert_true(works("cp /usr/bin/hello /root/copy"));

	/* Upgraded, while the old one runs. */
	fx_check(pipe2(ends, O_CLOEXEC) == 0);
	(void)snprintf(log, sizeof(log), "%s/old", w.top);
	old = start_in_tree("exec hello wait", ends[0], log);
	(void)close(ends[0]);
	while (here("readlink /proc/%d/exe | grep -q hello", (int)old) != 0)
		fx_check(waitpid(old, &status, WNOHANG) == 0);
	make_deb("hello", "2.0", true);
	assert_int_not_equal(0, in_tree("apt-get install -y /debs/hello_2.0_all.deb"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec hello"));
	approve_package("debs", "hello_2.0_all.deb");
	assert_true(works("apt-get install -y /debs/hello_2.0_all.deb"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec hello"));
	/* What it came from is still in use, so it stays approved; and then no longer. */
	assert_int_equal(2, gw_number(&w, "packages"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec /root/copy"));
	(void)close(ends[1]);
	fx_check(waitpid(old, &status, 0) == old && tree_status(status) == GW_UNAPPROVED);
	assert_true(works("greatseal-guard tidy"));
	assert_true(says("withdrawn: hello_1.0_all.deb.record"));
	assert_int_equal(1, gw_number(&w, "packages"));
	assert_int_equal(126, in_tree("exec /root/copy"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec hello"));

	/* Removed: its scripts are there still, and run when it is purged. */
	assert_true(works("apt-get remove -y hello"));
	assert_int_equal(1, gw_number(&w, "packages"));
	assert_true(works("apt-get purge -y hello && grep -q purge /var/hello.postrm"));
	assert_int_equal(0, gw_number(&w, "packages"));
	assert_false(there("/usr/bin/hello"));
}

/* A package of version 1.0 with more in it: shell that is run where it is laid out. */
static void make_special(const char *name, const char *more)
{
	make_deb(name, "1.0", false);
	fx_check(here("set -e; umask 022; cd %s/pkg; %s\n"
		      "dpkg-deb --root-owner-group --build . ../debs/%s_1.0_all.deb >/dev/null\n"
		      "cp ../debs/%s_1.0_all.deb %s/debs/",
		      w.top, more, name, name, w.mount) == 0);
}

static void an_older_version_is_asked_for_again(void **state)
{
	(void)state;
	make_deb("older", "1.0", false);
	approve_package("debs", "older_1.0_all.deb");
	assert_true(works("apt-get install -y /debs/older_1.0_all.deb"));
	make_deb("older", "2.0", false);
	approve_package("debs", "older_2.0_all.deb");
	assert_true(works("apt-get install -y /debs/older_2.0_all.deb"));
	/* Its record went with it. */
	assert_int_not_equal(
		0, in_tree("apt-get install -y --allow-downgrades /debs/older_1.0_all.deb"));
	assert_true(says("not approved: older 1.0 all (sha256 "));
	approve_package("debs", "older_1.0_all.deb");
	assert_true(works("apt-get install -y --allow-downgrades /debs/older_1.0_all.deb"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec older"));
	assert_true(works("apt-get purge -y older"));
}

/* A program that dpkg puts under another name is the same. */
static void a_diversion_moves_what_is_approved(void **state)
{
	(void)state;
	make_deb("moved", "1.0", false);
	approve_package("debs", "moved_1.0_all.deb");
	assert_true(works("dpkg-divert --local --rename --add /usr/bin/moved"));
	assert_true(works("apt-get install -y /debs/moved_1.0_all.deb"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec moved.distrib"));
	assert_true(works("dpkg-divert --local --rename --remove /usr/bin/moved"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec moved"));
	assert_true(works("apt-get purge -y moved"));
}

/* What one package starts in another runs as that one's: both are approved or nothing happens. */
static void triggers_are_run(void **state)
{
	(void)state;
	make_special("listens",
		     "echo 'interest-noawait /usr/share/spoken' >DEBIAN/triggers; printf "
		     "'#!/bin/sh\n# listens\necho \"$@\" >>/var/listens.postinst\n' "
		     ">DEBIAN/postinst; chmod 755 DEBIAN/postinst");
	make_special("speaks", "mkdir -p usr/share/spoken; echo a >usr/share/spoken/word");
	approve_package("debs", "listens_1.0_all.deb");
	assert_true(works("apt-get install -y /debs/listens_1.0_all.deb"));
	assert_int_not_equal(0, in_tree("apt-get install -y /debs/speaks_1.0_all.deb"));
	assert_int_not_equal(0, in_tree("grep -q triggered /var/listens.postinst"));
	approve_package("debs", "speaks_1.0_all.deb");
	assert_true(works("apt-get install -y /debs/speaks_1.0_all.deb"));
	assert_true(works("grep -q triggered /var/listens.postinst"));
	assert_true(works("apt-get purge -y listens speaks"));
}

/* dpkg is killed in the midst of it; what is done then is what is done without a guard. */
static void what_was_cut_short_goes_on(void **state)
{
	(void)state;
	make_special("torn",
		     "printf '#!/bin/sh\n# torn\n[ -e /root/once ] || { : >/root/once; kill "
		     "-9 $PPID; }\n' >DEBIAN/postinst; chmod 755 DEBIAN/postinst");
	approve_package("debs", "torn_1.0_all.deb");
	assert_int_not_equal(0, in_tree("apt-get install -y /debs/torn_1.0_all.deb"));
	assert_true(there("/root/once"));
	assert_true(works("greatseal-guard tidy")); /* it is half there: it stays */
	assert_true(works("dpkg --configure -a"));
	assert_int_equal(GW_UNAPPROVED, in_tree("exec torn"));
	assert_true(works("apt-get purge -y torn && rm /root/once"));
}

/* Each door by itself: the one before it is gone. */
static void every_door_refuses(void **state)
{
	(void)state;
	make_deb("evil", "1.0", true);
	make_deb("quiet", "1.0", false);
	/* dpkg alone. */
	assert_int_not_equal(0, in_tree("dpkg -i /debs/evil_1.0_all.deb"));
	assert_true(says("not approved: evil_1.0_all.deb"));
	assert_true(says("verification on package"));
	/* apt without the hook. */
	assert_int_not_equal(0, in_tree("mv /etc/apt/apt.conf.d/05greatseal-guard /root/; "
					"APT_CONFIG=/dev/null apt-get install -y "
					"/debs/evil_1.0_all.deb"));
	assert_true(says("verification on package"));
	/* dpkg without its check: the scripts do not run. */
	assert_int_not_equal(0, in_tree("dpkg --no-debsig -i /debs/evil_1.0_all.deb"));
	assert_int_not_equal(0, in_tree("dpkg --force-all --no-debsig -i /debs/evil_1.0_all.deb"));
	assert_false(there("/var/evil.preinst") || there("/var/evil.postinst"));
	assert_true(works("rm -f /var/lib/dpkg/info/evil.*; dpkg --force-all --purge evil"));
	/* Nor does what a package without scripts brings. */
	assert_true(works("dpkg --no-debsig -i /debs/quiet_1.0_all.deb"));
	assert_int_equal(126, in_tree("exec quiet"));
	assert_true(works("dpkg -r quiet; mv /root/05greatseal-guard "
			  "/etc/apt/apt.conf.d/"));
}

/* Another archive under the name that apt's hook has let through. */
static void a_swapped_archive_is_caught(void **state)
{
	char slot[100];

	(void)state;
	make_deb("ware", "1.0", true);
	make_deb("ware", "2.0", true);
	approve_package("debs", "ware_1.0_all.deb");
	assert_int_not_equal(0, in_tree("apt-get install -y -o 'DPkg::Pre-Install-Pkgs::=cp "
					"/debs/ware_2.0_all.deb /debs/ware_1.0_all.deb' "
					"/debs/ware_1.0_all.deb"));
	assert_true(says("verification on package"));
	assert_false(there("/var/ware.preinst") || there("/usr/bin/ware"));
	/* Between dpkg's check and its unpacking: then what is in it does not run. */
	fx_check(here("cp %s/debs/ware_1.0_all.deb %s/debs/", w.top, w.mount) == 0);
	(void)snprintf(slot, sizeof(slot), "%s/debs/slot", w.mount);
	fx_check(here("printf '#!/bin/sh\\n/usr/sbin/greatseal-guard gate dpkg \"$@\" && cp "
		      "/debs/ware_2.0_all.deb /debs/ware_1.0_all.deb\\n' >%s",
		      slot) == 0);
	gw_approve(&w, slot, LIST_SCRIPT);
	gw_publish(&w);
	assert_true(works("mv /usr/bin/debsig-verify /root/slot; cp /debs/slot "
			  "/usr/bin/debsig-verify; chmod 755 /usr/bin/debsig-verify"));
	assert_int_not_equal(0, in_tree("dpkg -i /debs/ware_1.0_all.deb"));
	assert_false(there("/var/ware.preinst"));
	assert_true(works("mv /root/slot /usr/bin/debsig-verify"));
}

/* Built from a directory of the test's own. */
static void build_deb(const char *name, const char *script)
{
	fx_check(
		here("set -e; umask 022; rm -rf %s/own; mkdir -p %s/own/DEBIAN %s/debs; cd %s/own\n"
		     "printf 'Package: %s\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: A "
		     "<a@example>\\nDescription: x\\n' >DEBIAN/control\n%s\n"
		     "dpkg-deb --root-owner-group --build . %s/debs/%s.deb >/dev/null",
		     w.top, w.top, w.mount, w.top, name, script, w.mount, name) == 0);
}

/* As a kernel does it: its script runs hooks of other packages, a trigger makes an image out of
 * what is installed, and none of what comes out is in any record. */
static void a_kernel_has_its_image_made(void **state)
{
	(void)state;
	build_deb(
		"maker",
		"mkdir -p usr/sbin etc/kernel/postinst.d; echo 'interest-noawait /boot' "
		">DEBIAN/triggers\n"
		"printf '#!/bin/sh\\nset -e\\nmkdir -p /var/tmp/image/bin\\ncp /bin/sh "
		"/var/tmp/image/bin/\\n"
		"/var/tmp/image/bin/sh -c \":\"\\ntar -C /var/tmp/image -c . | gzip "
		">/boot/initrd.img\\n' >usr/sbin/make-image\n"
		"printf '#!/bin/sh\\necho \"$1\" >/var/maker.hook\\n' >etc/kernel/postinst.d/make\n"
		"printf '#!/bin/sh\\nset -e\\n[ \"$1\" != triggered ] || make-image\\n' "
		">DEBIAN/postinst\n"
		"chmod 755 usr/sbin/make-image etc/kernel/postinst.d/make DEBIAN/postinst");
	build_deb("kernel", "mkdir -p boot lib/modules/1; echo kernel >boot/vmlinuz-1; echo module "
			    ">lib/modules/1/x.ko\n"
			    "printf '#!/bin/sh\\nrun-parts --exit-on-error --arg=1 "
			    "/etc/kernel/postinst.d\\n' >DEBIAN/postinst\n"
			    "chmod 755 DEBIAN/postinst");
	approve_package("debs", "maker.deb");
	assert_true(works("apt-get install -y /debs/maker.deb"));
	assert_int_not_equal(0, in_tree("apt-get install -y /debs/kernel.deb"));
	assert_false(there("/boot/vmlinuz-1"));
	approve_package("debs", "kernel.deb");
	assert_true(works("apt-get install -y /debs/kernel.deb"));
	assert_true(there("/var/maker.hook") && there("/boot/initrd.img"));
	/* A hook that was changed by hand does not run: the installation says so. */
	assert_int_not_equal(0, in_tree("echo : >>/etc/kernel/postinst.d/make; apt-get install -y "
					"--reinstall /debs/kernel.deb"));
	assert_true(works("printf '#!/bin/sh\\necho \"$1\" >/var/maker.hook\\n' "
			  ">/etc/kernel/postinst.d/make; dpkg --configure -a"));
}

/* A program that a maintainer script has made, by a producer and where the zone says, and the same
 * elsewhere. */
static void what_a_producer_makes_runs_where_it_may(void **state)
{
	(void)state;
	build_deb("generated",
		  "mkdir -p usr/share/generated own; printf '#!/bin/sh\\necho made "
		  ">/var/generated\\n' "
		  ">own/tool; chmod 755 own/tool; tar -cf usr/share/generated/own.tar -C own tool; "
		  "rm -r own\n"
		  "printf '#!/bin/sh\\nset -e\\ntar -C /var/lib/generated -xf "
		  "/usr/share/generated/own.tar\\n/var/lib/generated/tool\\n' >DEBIAN/postinst\n"
		  "chmod 755 DEBIAN/postinst");
	approve_package("debs", "generated.deb");
	assert_true(works("apt-get install -y /debs/generated.deb"));
	assert_true(there("/var/generated"));
	assert_int_equal(126,
			 in_tree("tar -C /root -xf /usr/share/generated/own.tar && /root/tool"));
	assert_int_equal(126,
			 in_tree("cat /var/lib/generated/tool >/var/lib/generated/copy; chmod 755 "
				 "/var/lib/generated/copy; /var/lib/generated/copy"));
}

/* The library that everything stands on, and the shell that runs the scripts. */
static void libc_and_the_shell_are_installed_again(void **state)
{
	(void)state;
	assert_int_equal(0, here("cd %s/debs && mv libc6_*.deb libc6.deb && mv dash_*.deb dash.deb",
				 w.mount));
	assert_int_not_equal(0, in_tree("apt-get install -y --reinstall /debs/libc6.deb"));
	approve_package("debs", "libc6.deb");
	approve_package("debs", "dash.deb");
	assert_true(works("apt-get install -y --reinstall /debs/libc6.deb /debs/dash.deb"));
	assert_true(works("ldconfig && dpkg --audit && apt-get check"));
}

/* Nobody answers: nothing is installed. */
static void without_a_guard_nothing_is_installed(void **state)
{
	(void)state;
	make_deb("late", "1.0", true);
	approve_package("debs", "late_1.0_all.deb");
	gw_stop(&w);
	assert_int_not_equal(0, in_tree("apt-get install -y /debs/late_1.0_all.deb"));
	assert_true(says("cannot be asked"));
	assert_int_not_equal(0, in_tree("dpkg -i /debs/late_1.0_all.deb"));
	assert_false(there("/var/late.preinst"));
	gw_start(&w, level);
	assert_true(works("dpkg -i /debs/late_1.0_all.deb"));
}

static void setup_is_undone(void **state)
{
	(void)state;
	assert_true(works("greatseal-guard setup"));
	assert_string_equal("", tree_output());
	assert_true(works("cmp /etc/dpkg/dpkg.cfg /etc/dpkg/dpkg.cfg.before-greatseal || "
			  "grep -qx '# greatseal-guard: no-debsig' /etc/dpkg/dpkg.cfg"));
	assert_true(works("cp /etc/dpkg/dpkg.cfg.before-greatseal /root/cfg; "
			  "greatseal-guard setup --remove && cmp /root/cfg "
			  "/etc/dpkg/dpkg.cfg && test -z \"$(dpkg-divert --list "
			  "/usr/bin/debsig-verify)\" && ! test -e "
			  "/etc/apt/apt.conf.d/05greatseal-guard && ! test -L "
			  "/usr/bin/debsig-verify"));
	assert_true(works("greatseal-guard setup --remove"));
	assert_string_equal("", tree_output());
	/* One that is at work is not put aside unasked. */
	assert_true(works("cp /bin/true /usr/bin/debsig-verify; sed -i '/no-debsig/d' "
			  "/etc/dpkg/dpkg.cfg"));
	assert_int_equal(1, in_tree("greatseal-guard setup"));
	assert_true(says("at work here"));
	assert_true(works("echo no-debsig >>/etc/dpkg/dpkg.cfg; greatseal-guard setup && "
			  "cmp /bin/true /usr/bin/debsig-verify.distrib"));
	assert_true(works("greatseal-guard setup --remove && cmp /bin/true "
			  "/usr/bin/debsig-verify"));
	assert_int_equal(2, in_tree("greatseal-guard setup now"));
}

static int make_world(void **state)
{
	static char zone[120];
	static const char *const more[] = {"--zone", zone, NULL};

	(void)state;
	gw_new(&w);
	(void)snprintf(zone, sizeof(zone), "uid:0 %s/var/lib/generated 1h", w.mount);
	world(more);
	return 0;
}

/* The same, and libraries, modules and scripts are asked for. */
static int make_strict_world(void **state)
{
	static char data[5][100];
	static const char *const below[5] = {"/etc", "/var/lib", "/var/cache", "/debs",
					     "/usr/share"};
	static const char *const strict[] = {"--level", "strict", "--data", data[0],  "--data",
					     data[1],	"--data", data[2],  "--data", data[3],
					     "--data",	data[4],  NULL};

	(void)state;
	gw_new(&w);
	for (size_t i = 0; i < 5; i++)
		(void)snprintf(data[i], sizeof(data[i]), "%s%s", w.mount, below[i]);
	world(strict);
	return 0;
}

static int end_world(void **state)
{
	(void)state;
	end();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packages_come_and_go),
		cmocka_unit_test(an_older_version_is_asked_for_again),
		cmocka_unit_test(a_diversion_moves_what_is_approved),
		cmocka_unit_test(triggers_are_run),
		cmocka_unit_test(what_was_cut_short_goes_on),
		cmocka_unit_test(every_door_refuses),
		cmocka_unit_test(a_swapped_archive_is_caught),
		cmocka_unit_test(a_kernel_has_its_image_made),
		cmocka_unit_test(what_a_producer_makes_runs_where_it_may),
		cmocka_unit_test(libc_and_the_shell_are_installed_again),
		cmocka_unit_test(without_a_guard_nothing_is_installed),
		cmocka_unit_test(setup_is_undone),
	};
	const struct CMUnitTest strict[] = {
		cmocka_unit_test(packages_come_and_go),
		cmocka_unit_test(an_older_version_is_asked_for_again),
		cmocka_unit_test(a_diversion_moves_what_is_approved),
		cmocka_unit_test(triggers_are_run),
		cmocka_unit_test(what_was_cut_short_goes_on),
		cmocka_unit_test(every_door_refuses),
		cmocka_unit_test(a_swapped_archive_is_caught),
		cmocka_unit_test(a_kernel_has_its_image_made),
		cmocka_unit_test(libc_and_the_shell_are_installed_again),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (!gw_possible())
		return MOUNTS_SKIP;
	if (!make_tarball()) {
		(void)printf("1 test program skipped: mmdebstrap cannot make a Debian tree here; "
			     "see %s.log\n",
			     tarball);
		return MOUNTS_SKIP;
	}
	return cmocka_run_group_tests_name("level base", tests, make_world, end_world) +
	       cmocka_run_group_tests_name("level strict", strict, make_strict_world, end_world);
}
