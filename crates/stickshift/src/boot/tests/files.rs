use super::{file, filler, hex};
use crate::boot::{Block, Call, Changes, EraseFamily, EraseSite, Loader, PartitionTable, Safety};
use crate::error::ErrorKind;

/// Section 4.3: signature, place of the patch behind the signature (before it for V7R22).
const FAMILIES: [(EraseFamily, &str, i64); 6] = [
    (EraseFamily::V7R1, "3DE2E0E300E09EE55CC39FE50C005EE10000000A", 20),
    (
        EraseFamily::V7R2,
        "0030A0E39A3F07EEFF2F0FE3E12F44E3073002E59A3F07EE0040A0E3E04F44E34E3604E34C3444E3303384E5",
        60,
    ),
    (
        EraseFamily::V7R11,
        "000050E37080BD080030A0E34E2604E3E03F44E3552244E34C019FE54EC604E348419FE50210A0E14CC444E35C2383E5\
         00008FE040C383E5",
        60,
    ),
    (EraseFamily::V7R22, "123BA0E34A354AE30020A0E37820C3E57920C3E57A20C3E57B20C3E50000A0E3", -5),
    (EraseFamily::V7R22Second, "183094E5102094E50D00A0E1304084E214308DE510208DE5", 24),
    (EraseFamily::V7R22Third, "103094E50D00A0E110308DE5183094E514308DE5", 20),
];
const HAND_PATCH: &str = "0C009DE504109DE50000A0E30BE0A0E10E0050E1";
const BL: &str = "494A00EB";
const MOV: [u8; 4] = [0, 0, 0xa0, 0xe3];

/// A signature with the call, or the conditional branch around it, at its place.
fn put_call(block: &mut [u8], at: usize, signature: &str, place: i64) {
    put(block, at, &hex(signature));
    let call = if place < 0 { "0300000a" } else { BL };
    put(block, (at as i64 + place) as usize / 4 * 4, &hex(call));
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

fn loader(usbldr: &[u8]) -> Loader {
    // An odd raminit: usbldr's place in the file is then no multiple of 4.
    Loader::parse(file(&filler(301), usbldr)).unwrap()
}

fn table() -> Vec<u8> {
    let mut t = vec![0; PartitionTable::SIZE];
    t[..16].copy_from_slice(b"pTableHead\0\0\0\0\0\x80");
    t[32..46].copy_from_slice(b"V3R3_MBB_STICK");
    t[48..54].copy_from_slice(b"m3boot");
    t
}

/// Offsets in the file where two loaders differ, from the start of usbldr.
fn differences(before: &Loader, after: &Loader) -> Vec<u64> {
    let (a, b) = (before.as_bytes(), after.as_bytes());
    assert_eq!(a.len(), b.len());
    (0..a.len()).filter(|i| a[*i] != b[*i]).map(|i| i as u64 - before.file_offset(0)).collect()
}

#[test]
fn a_loader_is_read_and_kept_byte_for_byte() {
    let bytes = file(&filler(301), &filler(5001));
    let loader = Loader::parse(bytes.clone()).unwrap();
    assert_eq!(loader.as_bytes(), bytes);
    assert_eq!(loader.block(Block::Raminit), filler(301));
    assert_eq!(loader.block(Block::Usbldr), filler(5001));
    let d = loader.descriptor(Block::Usbldr);
    assert_eq!((d.mode, d.size, d.address, d.offset), (2, 5001, 0x3000_4000, 385));
    assert_eq!(loader.oddities(), []);
}

#[test]
fn every_truncation_is_named_with_its_offset() {
    let bytes = file(&filler(40), &filler(2100));
    for length in 0..bytes.len() {
        let error = Loader::parse(bytes[..length].to_vec()).unwrap_err();
        let kind = if length < 4 { ErrorKind::WrongFileKind } else { ErrorKind::FileTruncated };
        assert!(error.is(kind), "{length}: {error:?}");
        let offset = if length < 4 { "0x0".to_owned() } else { format!("{length:#x}") };
        assert_eq!(error.fact("offset"), Some(offset.as_str()));
    }
}

#[test]
fn impossible_blocks_are_refused() {
    let good = file(&filler(40), &filler(100));
    let with = |at: usize, word: u32| {
        let mut bytes = good.clone();
        put(&mut bytes, at, &word.to_le_bytes());
        Loader::parse(bytes).map_err(|e| (e.kind(), e.fact("offset").unwrap().to_owned())).map(|_| ())
    };
    let error = |kind, offset: &str| Err((kind, offset.to_owned()));
    assert_eq!(with(0, 0x20001), error(ErrorKind::WrongFileKind, "0x0"));
    assert_eq!(with(40, (64 << 20) + 1), error(ErrorKind::FileTooLarge, "0x28"));
    assert_eq!(with(40, u32::MAX), error(ErrorKind::FileTooLarge, "0x28"));
    assert_eq!(with(48, 67), error(ErrorKind::FileCorrupt, "0x30"));
    assert_eq!(with(64, 0), error(ErrorKind::FileCorrupt, "0x40"));
    // 0xfffffff0 + 100 wraps in 32 bits.
    assert_eq!(with(64, 0xffff_fff0), error(ErrorKind::FileTruncated, "0xe0"));
    assert_eq!(with(56, 101), error(ErrorKind::FileTruncated, "0xe0"));
    assert_eq!(with(64, 123), error(ErrorKind::FileCorrupt, "0x7b"));
}

#[test]
fn oddities_are_told_and_tolerated() {
    let codes = |bytes: Vec<u8>| -> Vec<&str> {
        Loader::parse(bytes).unwrap().oddities().iter().map(|o| o.code).collect()
    };
    let good = file(&filler(40), &filler(100));
    let with = |at: usize, word: u32| {
        let mut bytes = good.clone();
        put(&mut bytes, at, &word.to_le_bytes());
        bytes
    };
    assert_eq!(codes([good.clone(), vec![0; 3]].concat()), ["trailing-bytes"]);
    assert_eq!(codes(with(36, 3)), ["other-mode"]);
    assert_eq!(codes(with(40, 0)), ["empty-block", "gap"]);
    assert_eq!(codes(with(40, 39)), ["gap"]);
    assert_eq!(codes(with(68, 1)), ["reserved-bytes"]);
    assert_eq!(codes(with(44, 0)), [""; 0], "address 0 is usual on V7R11");
    let mut tight = good.clone();
    tight.drain(68..84);
    put(&mut tight, 48, &68u32.to_le_bytes());
    put(&mut tight, 64, &108u32.to_le_bytes());
    assert_eq!(codes(tight), [""; 0], "blocks may begin right after the descriptors");
}

#[test]
fn a_third_block_is_named_and_never_sent() {
    let mut bytes = file(&filler(40), &filler(100));
    let third = bytes.len() as u32;
    for (at, word) in [(68, 2), (72, 30), (76, 0x5000_0000), (80, third)] {
        put(&mut bytes, at, &u32::to_le_bytes(word));
    }
    bytes.extend(filler(30));
    let loader = Loader::parse(bytes.clone()).unwrap();
    let odd = loader.oddities();
    assert_eq!(odd.iter().map(|o| o.code).collect::<Vec<_>>(), ["further-block"]);
    assert!(odd[0].text.contains("block 3 (mode 2, 30 bytes to 0x50000000)"), "{}", odd[0].text);
    assert_eq!(loader.block(Block::Usbldr).len(), 100);
    // One that ends after the file is no block.
    bytes.pop();
    let cut = Loader::parse(bytes).unwrap();
    assert_eq!(
        cut.oddities().iter().map(|o| o.code).collect::<Vec<_>>(),
        ["reserved-bytes", "trailing-bytes"]
    );
}

#[test]
fn each_family_is_patched_where_the_document_says() {
    for (family, signature, place) in FAMILIES {
        let mut usbldr = filler(8192);
        put_call(&mut usbldr, 0x100, signature, place);
        let before = loader(&usbldr);
        let assessed = before.assess();
        assert_eq!((assessed.safety, assessed.family), (Safety::Stock, Some(family)));
        let mut after = before.clone();
        after.change(&Changes::default()).unwrap();

        let at = 0x100 + place;
        let now = after.block(Block::Usbldr);
        if place < 0 {
            assert_eq!(differences(&before, &after), [at as u64]);
            assert_eq!(now[at as usize], usbldr[at as usize] | 0xe0);
        } else {
            assert!(differences(&before, &after).iter().all(|o| (at as u64..at as u64 + 4).contains(o)));
            assert_eq!(now[at as usize..at as usize + 4], MOV);
        }
        assert_eq!(after.assess().safety, Safety::PatchedHere, "{family}");
        assert_eq!(after.changes().len(), 1);
        assert_eq!(after.changes()[0].offset, after.file_offset(at as usize));
        // Written and read again, the patch is the file's own.
        let again = Loader::parse(after.as_bytes().to_vec()).unwrap();
        assert_eq!(again.assess().safety, Safety::AlreadySafe);
        let mut twice = again.clone();
        twice.change(&Changes::default()).unwrap();
        assert_eq!((twice.changes(), twice.assess().safety), (&[][..], Safety::AlreadySafe));
    }
}

#[test]
fn a_word_that_is_no_call_shows_nothing_and_is_left_alone() {
    for (family, signature, place) in FAMILIES {
        // `mov r0, r4` and `mov r0, r0`, a call under a condition, and a branch that the patch would make a `blx` of.
        for word in ["0400a0e1", "0000a0e1", "1002000b", "1002001a"] {
            let mut usbldr = filler(8192);
            put(&mut usbldr, 0x100, &hex(signature));
            put(&mut usbldr, (0x100 + place) as usize / 4 * 4, &hex(word));
            put(&mut usbldr, (0x104 + place) as usize / 4 * 4, &hex(BL));
            let before = loader(&usbldr);
            let assessed = before.assess();
            assert_eq!((assessed.safety, assessed.family), (Safety::Unknown, Some(family)), "{word}");
            assert!(assessed.evidence[0].text.contains("no call follows"), "{:?}", assessed.evidence);
            let mut after = before.clone();
            after.change(&Changes::default()).unwrap();
            assert_eq!((after.as_bytes(), after.assess()), (before.as_bytes(), assessed));
            assert_eq!(after.refuse_erasing(false).unwrap_err().fact("loader"), Some("unknown"));

            // Another call that is taken out, and a hand patch, take nothing of that back.
            put(&mut usbldr, 0x1000, &[&hex(FAMILIES[0].1)[..], &MOV].concat());
            put(&mut usbldr, 0x1400, &hex(HAND_PATCH));
            assert_eq!(loader(&usbldr).assess().safety, Safety::Unknown, "{family} {word}");
            put(&mut usbldr, 0x1000, &[hex(FAMILIES[0].1), hex(BL)].concat());
            let mut stock = loader(&usbldr);
            assert_eq!(stock.assess().safety, Safety::Stock, "{family} {word}");
            stock.change(&Changes::default()).unwrap();
            assert_eq!(
                (stock.assess().safety, stock.changes().len()),
                (Safety::Unknown, 1),
                "{family} {word}"
            );
        }
    }
}

#[test]
fn every_call_is_taken_out_and_the_worst_decides() {
    let with_calls = |calls: [(usize, usize, &[u8]); 3]| {
        let mut usbldr = filler(8192);
        for (at, family, word) in calls {
            put(&mut usbldr, at, &[&hex(FAMILIES[family].1), word].concat());
        }
        loader(&usbldr)
    };
    let live = hex(BL);
    // One is taken out, two are in place: the file is not safe.
    let before = with_calls([(0x100, 0, &MOV), (0x1000, 0, &live), (0x1800, 5, &live)]);
    let assessed = before.assess();
    assert_eq!((assessed.safety, assessed.family), (Safety::Stock, Some(EraseFamily::V7R1)));
    assert_eq!(assessed.evidence.len(), 3);
    assert_eq!(assessed.evidence[0].offset, before.file_offset(0x1014), "the worst comes first");
    assert!(before.refuse_erasing(false).is_err());
    let mut after = before.clone();
    after.change(&Changes::default()).unwrap();
    let changed: Vec<u64> = after.changes().iter().map(|c| c.offset - before.file_offset(0)).collect();
    assert_eq!((changed, after.assess().safety), (vec![0x1014, 0x1814], Safety::PatchedHere));
}

#[test]
fn a_safe_loader_is_changed_only_where_a_pattern_fits_exactly() {
    // As usblsafe-8278: the pattern fits with another load offset, and the routine that is called counts zero blocks.
    let mut other_build = hex(FAMILIES[0].1);
    other_build[8] = 0x28;
    let mut usbldr = filler(8192);
    put(&mut usbldr, 0x104, &[other_build, hex("b00000eb")].concat());
    put(&mut usbldr, 0x400, &hex(HAND_PATCH));
    let before = loader(&usbldr);
    let mut after = before.clone();
    after.change(&Changes::default()).unwrap();
    assert_eq!((after.assess().safety, after.changes()), (Safety::AlreadySafe, &[][..]));
    // Without the hand patch it is not safe, and the guess is better than nothing.
    put(&mut usbldr, 0x400, &[7; 20]);
    let mut stock = loader(&usbldr);
    stock.change(&Changes::default()).unwrap();
    assert_eq!((stock.assess().safety, stock.changes().len()), (Safety::PatchedHere, 1));
    // As usblsafe-327x: an exact pattern is changed although the file is safe.
    put(&mut usbldr, 0x104, &hex(FAMILIES[0].1));
    put(&mut usbldr, 0x400, &hex(HAND_PATCH));
    let mut exact = loader(&usbldr);
    exact.change(&Changes::default()).unwrap();
    assert_eq!(exact.changes().len(), 1);
}

#[test]
fn a_pattern_counts_only_aligned_and_within_the_search() {
    let signature = hex(FAMILIES[0].1);
    let found = |size: usize, at: usize| {
        let mut usbldr = filler(size);
        put(&mut usbldr, at, &signature);
        the_site(&usbldr).map(|s| s.matched)
    };
    assert_eq!(found(200, 8), Some(8));
    assert_eq!(found(200, 4), None, "before the search begins");
    assert_eq!(found(200, 10), None, "not aligned");
    assert_eq!(found(200, 136), Some(136));
    assert_eq!(found(200, 140), None, "the search ends 60 before the end");
    for size in 0..100 {
        assert_eq!(EraseSite::all(&filler(size)), []);
    }
    // The patched word of a 60-byte distance must fit, also in a block of odd size.
    let far = hex(FAMILIES[1].1);
    let mut usbldr = filler(199);
    put(&mut usbldr, 136, &far);
    assert_eq!(EraseSite::all(&usbldr), []);
    let mut usbldr = filler(200);
    put(&mut usbldr, 136, &far);
    assert_eq!(the_site(&usbldr).map(|s| s.at), Some(196));
}

#[test]
fn a_masked_match_wants_a_call_an_exact_one_does_not() {
    // The one byte in which usblsafe-8278 differs.
    let mut other_build = hex(FAMILIES[0].1);
    other_build[8] = 0x28;
    let site = |word: &[u8]| {
        let mut usbldr = filler(4096);
        put(&mut usbldr, 0x100, &other_build);
        put(&mut usbldr, 0x114, word);
        the_site(&usbldr)
    };
    let live = site(&hex(BL)).unwrap();
    assert_eq!((live.exact, live.call, live.at), (false, Call::Live, 0x114));
    assert_eq!(site(&MOV).unwrap().call, Call::Removed);
    assert_eq!(site(&hex("01020304")), None);

    // The offset is 12 bits: its high four share a byte with the register, which is part of the pattern.
    other_build[9] = 0xc5;
    assert!(site_of(&other_build, BL).is_some());
    other_build[9] = 0xb5;
    assert!(site_of(&other_build, BL).is_none());

    let mut v7r11 = hex(FAMILIES[2].1);
    v7r11[24] = 0x50;
    v7r11[33] = 0x42;
    let mut usbldr = filler(4096);
    put(&mut usbldr, 0x100, &v7r11);
    put(&mut usbldr, 0x13c, &hex(BL));
    assert_eq!(the_site(&usbldr).map(|s| (s.family, s.at)), Some((EraseFamily::V7R11, 0x13c)));

    // A false match in front does not hide the true one behind it.
    let mut usbldr = filler(4096);
    other_build[9] = 0xc3;
    put(&mut usbldr, 0x100, &other_build);
    put(&mut usbldr, 0x200, &[&other_build[..], &hex(BL)].concat());
    assert_eq!(the_site(&usbldr).map(|s| s.at), Some(0x214));
}

/// The only one.
fn the_site(usbldr: &[u8]) -> Option<EraseSite> {
    let mut sites = EraseSite::all(usbldr);
    assert!(sites.len() < 2, "{sites:?}");
    sites.pop()
}

fn site_of(signature: &[u8], word: &str) -> Option<EraseSite> {
    let mut usbldr = filler(4096);
    put(&mut usbldr, 0x100, &[signature, &hex(word)].concat());
    the_site(&usbldr)
}

#[test]
fn the_older_hand_patch_is_recognised() {
    let mut usbldr = filler(8192);
    put(&mut usbldr, 0x400, &hex(HAND_PATCH));
    let assessed = loader(&usbldr).assess();
    assert_eq!((assessed.safety, assessed.evidence.len()), (Safety::AlreadySafe, 1));
    assert_eq!(assessed.evidence[0].offset, 385 + 0x400);
    loader(&usbldr).refuse_erasing(false).unwrap();

    // With a call that can be followed it counts only in the routine that is called: here 0x118 + 8 + 4 * 0xb0 = 0x3e0.
    put(&mut usbldr, 0x104, &hex(FAMILIES[0].1));
    put(&mut usbldr, 0x118, &hex("b00000eb"));
    assert_eq!(loader(&usbldr).assess().safety, Safety::AlreadySafe);
    put(&mut usbldr, 0x118, &hex("b00100eb"));
    assert_eq!(loader(&usbldr).assess().safety, Safety::Stock);
}

#[test]
fn a_loader_that_erases_or_may_is_refused_and_the_loss_is_named() {
    let mut usbldr = filler(4096);
    let unknown = loader(&usbldr);
    assert_eq!(unknown.assess().safety, Safety::Unknown);
    put(&mut usbldr, 0x100, &[hex(FAMILIES[0].1), hex(BL)].concat());
    let mut stock = loader(&usbldr);
    stock.change(&Changes { keep_erase: true, ..Changes::default() }).unwrap();
    assert_eq!(stock.changes(), []);
    for (loader, code) in [(&unknown, "unknown"), (&stock, "stock")] {
        let error = loader.refuse_erasing(false).unwrap_err();
        assert!(error.is(ErrorKind::LoaderErases));
        assert_eq!(error.fact("loader"), Some(code));
        for lost in ["IMEI", "serial", "calibration"] {
            assert!(error.what().contains(lost), "{error}");
        }
        loader.refuse_erasing(true).unwrap();
    }
    let error = stock.refuse_erasing(false).unwrap_err();
    assert_eq!((error.fact("family"), error.fact("offset")), (Some("V7R1"), Some("0x295")));
    stock.change(&Changes::default()).unwrap();
    stock.refuse_erasing(false).unwrap();
}

#[test]
fn a_loader_for_another_chip_is_told_where_both_are_known() {
    let mut usbldr = filler(4096);
    assert_eq!(loader(&usbldr).misfit("E3372h-153"), None, "nothing shows what the loader is for");
    put(&mut usbldr, 0x100, &[hex(FAMILIES[2].1), hex(BL)].concat());
    let v7r11 = loader(&usbldr);
    assert_eq!((v7r11.misfit("E3372h-153"), v7r11.misfit("K3772")), (None, None));
    let text = v7r11.misfit("E3372s-153").unwrap();
    assert!(text.contains("V7R11") && text.contains("V7R2"), "{text}");
}

#[test]
fn an_e3131_is_no_stick_for_loaders_of_v7_chips() {
    for (code, chip) in [(FAMILIES[0].1, "V7R1"), (FAMILIES[2].1, "V7R11")] {
        let mut usbldr = filler(4096);
        put(&mut usbldr, 0x100, &[hex(code), hex(BL)].concat());
        for model in ["E3131", "E3131-s2", "E3131_92"] {
            let text = loader(&usbldr).misfit(model).unwrap();
            assert!(text.contains(&format!("for {chip}")) && text.contains("has a V3"), "{text}");
        }
    }
}

#[test]
fn the_fastboot_cut_takes_the_last_kernel() {
    let mut usbldr = filler(10240);
    put(&mut usbldr, 0x800, b"ANDROID!");
    put(&mut usbldr, 0x1a01, b"ANDROID!");
    let cut = Changes { fastboot: true, ..Changes::default() };
    let mut loader = loader(&usbldr);
    loader.change(&cut).unwrap();
    let block = loader.block(Block::Usbldr);
    assert_eq!(block.len(), 0x1a09);
    assert_eq!(block[..0x1a01], usbldr[..0x1a01]);
    assert!(block.ends_with(b"UNDROID!"));
    let again = Loader::parse(loader.as_bytes().to_vec()).unwrap();
    assert_eq!((again.descriptor(Block::Usbldr).size, again.oddities()), (0x1a09, vec![]));
    // Cut once more it stays what it is.
    let mut twice = again.clone();
    twice.change(&cut).unwrap();
    assert_eq!(twice, again);
}

#[test]
fn what_cannot_be_changed_changes_nothing() {
    let mut usbldr = filler(10240);
    put(&mut usbldr, 0x100, &hex(FAMILIES[0].1));
    let plain = loader(&usbldr);
    let refused = |changes: Changes| {
        let mut loader = plain.clone();
        let error = loader.change(&changes).unwrap_err();
        assert_eq!(loader, plain);
        error
    };
    let none = Changes::default();
    let cut = refused(Changes { fastboot: true, ..none.clone() });
    assert_eq!((cut.kind(), cut.fact("patch")), (ErrorKind::PatchNotFound, Some("fastboot-cut")));
    let bad = refused(Changes { ignore_bad_blocks: true, ..none.clone() });
    assert_eq!((bad.kind(), bad.fact("patch")), (ErrorKind::PatchNotFound, Some("bad-block-patch")));
    let table = PartitionTable::parse(&table()).unwrap();
    assert!(refused(Changes { table: Some(table), ..none.clone() }).is(ErrorKind::NoPartitionTable));
    assert!(refused(Changes { file_flags: vec![0], ..none }).is(ErrorKind::NoPartitionTable));
    let at_the_start = {
        let mut usbldr = filler(100);
        put(&mut usbldr, 0, b"ANDROID!");
        loader(&usbldr).change(&Changes { fastboot: true, ..Changes::default() })
    };
    assert!(at_the_start.unwrap_err().is(ErrorKind::PatchNotFound), "nothing would be left to start");
}

#[test]
fn the_table_is_replaced_and_flagged() {
    let mut usbldr = filler(10240);
    put(&mut usbldr, 0x1000, &table());
    let mut new = table();
    new[16..26].copy_from_slice(b"BOOTROM_V9");
    let changes = Changes {
        table: Some(PartitionTable::parse(&new).unwrap()),
        file_flags: vec![0],
        ..Changes::default()
    };
    let before = loader(&usbldr);
    let mut after = before.clone();
    after.change(&changes).unwrap();
    assert_eq!(after.table_offset(), Some(0x1000));
    assert_eq!(after.table().unwrap().version(), "BOOTROM_V9");
    let mut expected: Vec<u64> = (0x1010..0x101a).collect();
    expected.push(0x1000 + 48 + 40);
    assert_eq!(differences(&before, &after), expected);
    assert_eq!(after.chip().map(|c| c.name), Some("V3"), "by the product text");
    let over = Changes { file_flags: vec![1], ..Changes::default() };
    assert!(after.change(&over).unwrap_err().is(ErrorKind::Usage));
}

#[test]
fn the_bad_block_patch_prefers_a_call() {
    let changes = Changes { ignore_bad_blocks: true, ..Changes::default() };
    let patched = |usbldr: &[u8]| {
        let before = loader(usbldr);
        let mut after = before.clone();
        after.change(&changes).unwrap();
        differences(&before, &after)
    };
    let mut usbldr = filler(4096);
    put(&mut usbldr, 0x100, &hex("04108DE20400A0E1"));
    assert_eq!(patched(&usbldr), [0x108, 0x109, 0x10a, 0x10b]);
    put(&mut usbldr, 0x200, &hex("04108DE20400A0E1010203EB"));
    assert_eq!(patched(&usbldr), [0x208, 0x209, 0x20a, 0x20b]);
}

#[test]
fn ten_thousand_mutations_do_no_harm() {
    let mut usbldr = filler(6000);
    put(&mut usbldr, 0x100, &[hex(FAMILIES[0].1), hex(BL)].concat());
    put(&mut usbldr, 0x200, &hex("04108DE20400A0E1"));
    put(&mut usbldr, 0x400, &table());
    put(&mut usbldr, 0x1400, b"ANDROID!");
    let good = file(&filler(60), &usbldr);
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut read = 0;
    for round in 0..10_000 {
        let mut bytes = good.clone();
        for _ in 0..=random(4) {
            // The header and the patterns are hit more often than the rest.
            let within = [84, 1200, bytes.len()][random(3)];
            let at = random(within);
            bytes[at] = [0x00, 0xff, 0x7f, random(256) as u8][random(4)];
        }
        if random(4) == 0 {
            bytes.truncate(random(bytes.len() + 1));
        }
        match Loader::parse(bytes) {
            Ok(mut loader) => {
                read += 1;
                loader.oddities();
                loader.assess();
                loader.chip();
                let changes = Changes {
                    fastboot: round % 2 == 0,
                    table: loader.table().filter(|_| round % 3 == 0),
                    file_flags: if round % 5 == 0 { vec![random(60)] } else { vec![] },
                    ignore_bad_blocks: round % 7 == 0,
                    keep_erase: round % 11 == 0,
                };
                if loader.change(&changes).is_ok() {
                    let again = Loader::parse(loader.as_bytes().to_vec()).unwrap();
                    for block in Block::ALL {
                        assert_eq!(again.block(block), loader.block(block));
                    }
                }
            }
            Err(error) => assert!(error.fact("offset").is_some(), "{error:?}"),
        }
    }
    assert!((1000..9500).contains(&read), "{read} of the mutations were still loaders");
}
