//! Router images that are made to do harm. The writer here puts folders together as no honest program would.

use stickshift::error::{ErrorKind, Result};
use stickshift::router::{FileKind, FileSystem, Image};

/// A stream of metadata blocks, stored as they are.
#[derive(Default)]
struct Table(Vec<u8>);

impl Table {
    /// Where the next byte will stand: block and offset.
    fn place(&self) -> (u32, u16) {
        let (block, offset) = (self.0.len() / 8192, self.0.len() % 8192);
        ((block * 8194) as u32, offset as u16)
    }

    fn blocks(&self) -> Vec<u8> {
        let block = |b: &[u8]| [&(b.len() as u16 | 0x8000).to_le_bytes()[..], b].concat();
        self.0.chunks(8192).flat_map(block).collect()
    }
}

/// A file system under construction: inodes first named by their places, folders written at once.
#[derive(Default)]
struct Writer {
    inodes: Table,
    folders: Table,
    data: Vec<u8>,
}

type Place = (u32, u16);

impl Writer {
    fn inode(&mut self, kind: u16, body: &[u8]) -> Place {
        let place = self.inodes.place();
        self.inodes.0.extend([kind.to_le_bytes(), 0o755u16.to_le_bytes()].concat());
        self.inodes.0.extend([0; 12]);
        self.inodes.0.extend(body);
        place
    }

    /// A folder of these entries; `length` lies about its size.
    fn folder(&mut self, entries: &[(&[u8], Place)], length: Option<u32>) -> Place {
        let (block, offset) = self.folders.place();
        let start = self.folders.0.len();
        for (name, (inode_block, inode_offset)) in entries {
            self.folders
                .0
                .extend([0u32.to_le_bytes(), inode_block.to_le_bytes(), 1u32.to_le_bytes()].concat());
            self.folders.0.extend([inode_offset.to_le_bytes(), [0; 2], [1, 0]].concat());
            self.folders.0.extend((name.len() as u16 - 1).to_le_bytes());
            self.folders.0.extend(*name);
        }
        let length = length.unwrap_or((self.folders.0.len() - start) as u32 + 3);
        let body = [1u32.to_le_bytes(), length.to_le_bytes(), block.to_le_bytes(), [0; 4]].concat();
        self.inode(8, &[&body[..], &[0; 2], &offset.to_le_bytes(), &[0xff; 4]].concat())
    }

    /// A file of so many holes.
    fn sparse(&mut self, blocks: u32) -> Place {
        let length = blocks.wrapping_mul(4096);
        let head = [0u32, u32::MAX, 0, length].map(u32::to_le_bytes).concat();
        self.inode(2, &[head, vec![0; 4 * blocks as usize]].concat())
    }

    fn link(&mut self, target: &[u8]) -> Place {
        let head = [1, target.len() as u32].map(u32::to_le_bytes).concat();
        self.inode(3, &[&head, target].concat())
    }

    fn finish(self, root: Place) -> Vec<u8> {
        let (inodes, folders) = (self.inodes.blocks(), self.folders.blocks());
        let inodes_at = 96 + self.data.len() as u64;
        let folders_at = inodes_at + inodes.len() as u64;
        let end = folders_at + folders.len() as u64;
        let mut image = b"hsqs".to_vec();
        image.extend([1u32, 0, 4096, 0].map(u32::to_le_bytes).concat());
        image.extend([1u16, 12, 0, 1, 4, 0].map(u16::to_le_bytes).concat());
        let root = u64::from(root.0) << 16 | u64::from(root.1);
        image.extend(
            [root, end, end, u64::MAX, inodes_at, folders_at, end, u64::MAX].map(u64::to_le_bytes).concat(),
        );
        [image, self.data, inodes, folders].concat()
    }
}

/// Opens it and reads every file.
fn read_all(bytes: Vec<u8>) -> Result<Vec<String>> {
    let image = Image::parse(bytes)?;
    let mut paths = Vec::new();
    for at in &image.file_systems {
        let files = FileSystem::open(image.bytes_of(at), at)?;
        for file in files.files() {
            if matches!(file.kind, FileKind::File(_)) {
                files.read(&file.path, u64::MAX)?;
            }
            paths.push(file.path);
        }
    }
    Ok(paths)
}

fn refusal(bytes: Vec<u8>) -> (ErrorKind, String) {
    let error = read_all(bytes).expect_err("a refusal");
    (error.kind(), error.what().to_owned())
}

/// A chain of folders, each in the next; the last one holds `inner`.
fn nested(writer: &mut Writer, levels: usize, inner: Place) -> Place {
    (0..levels).fold(inner, |inside, _| writer.folder(&[(b"d", inside)], None))
}

#[test]
fn what_is_honest_reads() {
    let mut writer = Writer::default();
    let (file, link) = (writer.sparse(3), writer.link(b"/tmp"));
    let inner = writer.folder(&[(b"file", file), (b"again", file), (b"link", link)], None);
    let root = nested(&mut writer, 3, inner);
    let paths = read_all(writer.finish(root)).expect("an image");
    assert_eq!(paths, ["/", "/d", "/d/d", "/d/d/d", "/d/d/d/again", "/d/d/d/file", "/d/d/d/link"]);
}

#[test]
fn a_link_and_a_folder_say_what_to_name_instead() {
    let mut writer = Writer::default();
    let link = writer.link(b"/tmp");
    let inner = writer.folder(&[(b"link", link)], None);
    let root = nested(&mut writer, 1, inner);
    let image = Image::parse(writer.finish(root)).expect("an image");
    let at = &image.file_systems[0];
    let file_system = FileSystem::open(image.bytes_of(at), at).expect("files");
    for (path, cause) in [("/d/link", "not followed"), ("/d", "a folder")] {
        let error = file_system.read(path, 100).unwrap_err();
        assert!(error.is(ErrorKind::FileNotFound), "{path}");
        assert!(std::error::Error::source(&error).unwrap().to_string().contains(cause), "{path}");
    }
}

#[test]
fn two_files_of_one_name_are_told_and_the_first_is_read() {
    let mut writer = Writer::default();
    let (first, second) = (writer.sparse(1), writer.sparse(2));
    let root = writer.folder(
        &[(b"a", first), (b"same", first), (b"same", second), (b"odd\xfe", first), (b"odd\xff", second)],
        None,
    );
    let image = Image::parse(writer.finish(root)).expect("an image");
    let files =
        FileSystem::open(image.bytes_of(&image.file_systems[0]), &image.file_systems[0]).expect("files");
    assert_eq!(files.repeated(), ["/same"]);
    assert_eq!(files.read("same", u64::MAX).expect("a file").len(), 4096);
    let paths: Vec<String> = files.files().map(|file| file.path).collect();
    assert_eq!(paths, ["/", "/a", "/odd\\xfe", "/odd\\xff", "/same"]);
}

#[test]
fn a_folder_in_itself_or_in_two_places_is_refused() {
    let mut writer = Writer::default();
    // The first inode is the folder that its own entry names.
    let root = writer.folder(&[(b"self", (0, 0))], None);
    assert_eq!(root, (0, 0));
    let (kind, what) = refusal(writer.finish(root));
    assert_eq!(kind, ErrorKind::FileCorrupt);
    assert!(what.contains("two places"), "{what}");

    let mut writer = Writer::default();
    let bottom = writer.folder(&[], None);
    let shared = (0..40).fold(bottom, |below, _| writer.folder(&[(b"x", below), (b"y", below)], None));
    let (kind, what) = refusal(writer.finish(shared));
    assert_eq!(kind, ErrorKind::FileCorrupt);
    assert!(what.contains("two places"), "{what}");
}

#[test]
fn depth_and_count_end_somewhere() {
    let mut writer = Writer::default();
    let bottom = writer.folder(&[], None);
    let root = nested(&mut writer, 20_000, bottom);
    assert_eq!(refusal(writer.finish(root)).0, ErrorKind::FileTooLarge);

    let mut writer = Writer::default();
    let file = writer.sparse(0);
    let names: Vec<String> = (0..70_000).map(|n| n.to_string()).collect();
    let entries: Vec<(&[u8], Place)> = names.iter().map(|n| (n.as_bytes(), file)).collect();
    let root = writer.folder(&entries, None);
    assert_eq!(refusal(writer.finish(root)).0, ErrorKind::FileTooLarge);

    // Few files, and each path as long as paths can be.
    let mut writer = Writer::default();
    let file = writer.sparse(0);
    let long = [b'n'; 255];
    let names: Vec<Vec<u8>> =
        (0..4000).map(|n| [format!("{n:04}").as_bytes(), &long[4..]].concat()).collect();
    let entries: Vec<(&[u8], Place)> = names.iter().map(|n| (&n[..], file)).collect();
    let wide = writer.folder(&entries, None);
    let root = (0..60).fold(wide, |inside, _| writer.folder(&[(&long, inside)], None));
    assert_eq!(refusal(writer.finish(root)).0, ErrorKind::FileTooLarge);
}

#[test]
fn sizes_that_lie_are_refused() {
    for length in [u32::MAX, 4, 30, 0x1_0000] {
        let mut writer = Writer::default();
        let file = writer.sparse(1);
        let root = writer.folder(&[(b"file", file)], Some(length));
        assert_eq!(refusal(writer.finish(root)).0, ErrorKind::FileCorrupt, "{length:#x}");
    }
    for name in [&b".."[..], b".", b"a/b", b"a\0b", &[b'n'; 256]] {
        let mut writer = Writer::default();
        let file = writer.sparse(1);
        let root = writer.folder(&[(name, file)], None);
        assert_eq!(refusal(writer.finish(root)).0, ErrorKind::FileCorrupt, "{name:?}");
    }
    let mut writer = Writer::default();
    let root = writer.link(b"/");
    assert_eq!(refusal(writer.finish(root)).0, ErrorKind::FileCorrupt);
    // A metadata block of more than 8 KiB, and one of nothing.
    for head in [0x8000u16, 0x8000 | 8193, 8193, 0x7fff] {
        let mut writer = Writer::default();
        let root = writer.folder(&[], None);
        let mut image = writer.finish(root);
        image[96..98].copy_from_slice(&head.to_le_bytes());
        assert_eq!(refusal(image).0, ErrorKind::FileCorrupt, "{head:#x}");
    }
}

#[test]
fn holes_count_as_bytes() {
    let mut writer = Writer::default();
    // 256 MiB out of 256 KiB.
    let file = writer.sparse(1 << 16);
    let root = writer.folder(&[(b"bomb", file)], None);
    assert_eq!(refusal(writer.finish(root)).0, ErrorKind::FileTooLarge);
}

#[test]
fn a_file_of_magics_is_searched_once() {
    for magic in [&b"hsqs"[..], b"sqsh", b"hsqsh", b"\0hsqs"] {
        assert_eq!(refusal(magic.repeat((2 << 20) / magic.len())).0, ErrorKind::WrongFileKind);
    }
}

/// Nothing, a header, whole pieces of flash memory; and what stands behind the image, which is padding as a rule.
#[test]
fn an_image_that_is_cut_is_refused_and_one_with_more_behind_it_reads() {
    assert_eq!(refusal(Vec::new()), (ErrorKind::WrongFileKind, "the file is empty".to_owned()));
    let mut writer = Writer { data: vec![0xa5; 300_000], ..Writer::default() };
    let file = writer.sparse(1);
    let root = writer.folder(&[(b"file", file)], None);
    let whole = writer.finish(root);
    assert_eq!(read_all(whole.clone()).expect("an image"), ["/", "/file"]);
    for length in [96].into_iter().chain((1..).map(|n| n << 16).take_while(|n| *n < whole.len())) {
        assert_eq!(refusal(whole[..length].to_vec()).0, ErrorKind::FileTruncated, "{length}");
    }
    for garbage in [&[0xff; 70_000][..], &[0; 70_000], b"hsqs", &b"hsqs\0sqsh".repeat(9000)] {
        assert_eq!(read_all([&whole[..], garbage].concat()).expect("an image"), ["/", "/file"]);
    }
}
