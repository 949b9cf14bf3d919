#!/usr/bin/env python3
"""tools/lib/fetch_subprojects takes what a wrap pins, from wherever it comes, and nothing else; our files and
patches lie over the sources, and again when they have changed."""

import hashlib
import importlib.machinery
import importlib.util
import io
import contextlib
import pathlib
import sys
import tarfile
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("fetch_subprojects", str(ROOT / "tools/lib/fetch_subprojects"))
fetcher = importlib.util.module_from_spec(importlib.util.spec_from_loader("fetch_subprojects", loader))
loader.exec_module(fetcher)

PATCH = "--- a/code.c\n+++ b/code.c\n@@ -1 +1 @@\n-old line\n+patched line\n"


def tarball(path, top, files):
    with tarfile.open(path, "w:bz2") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Fetching(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)
        self.subprojects = self.root / "subprojects"
        (self.subprojects / "packagefiles/mbedtls").mkdir(parents=True)
        for name, value in (("SUBPROJECTS", self.subprojects), ("CACHE", self.subprojects / "packagecache"),
                            ("PACKAGEFILES", self.subprojects / "packagefiles"), ("say", lambda text: None)):
            patcher = mock.patch.object(fetcher, name, value)
            patcher.start()
            self.addCleanup(patcher.stop)
        self.upstream = self.root / "mbedtls-3.6.6.tar.bz2"
        self.pinned = tarball(self.upstream, "mbedtls-3.6.6", {"code.c": "old line\n"})
        self.directory = self.subprojects / "mbedtls-3.6.6"

    def write_wrap(self, url=None, extra="patch_directory = mbedtls\n", name="mbedtls"):
        path = self.subprojects / f"{name}.wrap"
        path.write_text(f"[wrap-file]\ndirectory = mbedtls-3.6.6\nsource_url = {url or self.upstream.as_uri()}\n"
                        f"source_filename = mbedtls-3.6.6.tar.bz2\nsource_hash = {self.pinned}\n{extra}")
        return path

    def overlay(self, name, text):
        (self.subprojects / "packagefiles" / name).write_text(text)

    def from_debian(self, path, wrap=None):
        """Fetches while the wrap's address is dead and apt has `path`."""
        with mock.patch.object(fetcher, "machine_mirrors", return_value=["mirror"]), \
                mock.patch.object(fetcher.shutil, "which", return_value="/usr/bin/apt-get"), \
                mock.patch.object(fetcher, "fetch_source_package", return_value=path):
            fetcher.fetch(wrap or self.write_wrap(url="file:///nowhere"))

    def debian_release(self, version):
        path = self.root / f"mbedtls_{version}.orig.tar.bz2"
        tarball(path, f"mbedtls-{version}", {"code.c": "old line\n", "newer.c": ""})
        return path

    def test_the_address_of_the_wrap_is_taken_with_our_files_over_it(self):
        self.overlay("mbedtls/meson.build", "ours")
        fetcher.fetch(self.write_wrap())
        self.assertEqual((self.directory / "code.c").read_text(), "old line\n")
        self.assertEqual((self.directory / "meson.build").read_text(), "ours")
        self.assertTrue((self.subprojects / "packagecache/mbedtls-3.6.6.tar.bz2").exists())

    def test_sources_with_another_hash_are_refused(self):
        wrap = self.write_wrap()
        tarball(self.upstream, "mbedtls-3.6.6", {"code.c": "evil line\n"})
        with mock.patch.object(fetcher, "machine_mirrors", side_effect=fetcher.FetchError("no mirror")), \
                mock.patch.object(fetcher.shutil, "which", return_value="/usr/bin/apt-get"), \
                self.assertRaises(fetcher.FetchError):
            fetcher.fetch(wrap)
        self.assertFalse(self.directory.exists())

    def test_a_cached_file_with_another_hash_is_fetched_again(self):
        (self.subprojects / "packagecache").mkdir()
        (self.subprojects / "packagecache/mbedtls-3.6.6.tar.bz2").write_text("damaged")
        fetcher.fetch(self.write_wrap())
        self.assertTrue((self.directory / "code.c").exists())

    def test_debian_stands_in_with_the_pinned_version(self):
        self.from_debian(self.upstream)
        self.assertTrue((self.directory / "code.c").exists())
        self.assertTrue((self.subprojects / "packagecache/mbedtls-3.6.6.tar.bz2").exists())

    def test_debian_stands_in_with_a_newer_patch_release_in_the_directory_of_the_wrap(self):
        self.overlay("mbedtls/meson.build", "ours")
        self.from_debian(self.debian_release("3.6.11"))
        self.assertTrue((self.directory / "newer.c").exists())
        self.assertEqual((self.directory / "meson.build").read_text(), "ours")

    def test_an_older_or_another_line_is_refused(self):
        for version in ("3.6.5", "3.7.0", "4.0.0"):
            with self.assertRaises(fetcher.FetchError, msg=version):
                self.from_debian(self.debian_release(version))

    def test_what_is_unpacked_stays_until_our_files_change(self):
        self.overlay("mbedtls/meson.build", "ours")
        fetcher.fetch(self.write_wrap())
        (self.directory / "object.o").write_text("")
        fetcher.fetch(self.write_wrap())
        self.assertTrue((self.directory / "object.o").exists())
        self.overlay("mbedtls/meson.build", "ours, changed")
        fetcher.fetch(self.write_wrap(url="file:///nowhere"))
        self.assertEqual((self.directory / "meson.build").read_text(), "ours, changed")
        self.assertFalse((self.directory / "object.o").exists())

    def test_a_stand_in_is_unpacked_again_without_the_network_when_our_files_change(self):
        self.from_debian(self.debian_release("3.6.7"))
        self.overlay("mbedtls/meson.build", "ours")
        fetcher.fetch(self.write_wrap(url="file:///nowhere"))
        self.assertEqual((self.directory / "meson.build").read_text(), "ours")

    def test_patches_are_applied_once(self):
        self.overlay("accelerate.patch", PATCH)
        wrap = self.write_wrap(extra="diff_files = accelerate.patch\n")
        for _ in range(2):
            fetcher.fetch(wrap)
            self.assertEqual((self.directory / "code.c").read_text(), "patched line\n")

    def test_a_patch_that_does_not_apply_leaves_no_directory(self):
        self.overlay("accelerate.patch", PATCH.replace("old line", "other line"))
        with self.assertRaises(fetcher.FetchError):
            fetcher.fetch(self.write_wrap(extra="diff_files = accelerate.patch\n"))
        self.assertFalse(self.directory.exists())

    def test_a_wrap_without_files_of_ours_is_left_to_meson(self):
        fetcher.fetch(self.write_wrap(extra=""))
        self.assertFalse(self.directory.exists())
        self.assertTrue((self.subprojects / "packagecache/mbedtls-3.6.6.tar.bz2").exists())

    def test_a_name_that_no_wrap_has_is_refused(self):
        self.write_wrap()
        with mock.patch.object(sys, "argv", ["fetch_subprojects", "openssl"]), contextlib.redirect_stderr(io.StringIO()), \
                self.assertRaises(SystemExit) as end:
            fetcher.main()
        self.assertEqual(end.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
