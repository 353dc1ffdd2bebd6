use proptest::prelude::*;

use super::*;

type Damage = fn(&str) -> String;

/// What forums, blogs, mails and people do to the lines of a text.
const DAMAGES: &[(&str, Damage)] = &[
    ("HTML", |text| {
        let lines = text.lines().map(|line| line.replace("  ", "&nbsp; ").replace('>', "&gt;"));
        format!("<pre>{}</pre>\n", lines.collect::<Vec<_>>().join("<br />\n"))
    }),
    ("one line of HTML", |text| {
        format!("<div class=\"code\">{}</div>", text.replace(' ', "&#160;").replace('\n', "<br>"))
    }),
    ("BBCode", |text| format!("[COLOR=\"DarkSlateGray\"][INDENT]{}[/INDENT][/COLOR]\n", text.trim_end())),
    ("bold words", |text| text.lines().map(|line| format!("[B]{line}[/B]\n")).collect()),
    ("Markdown's escapes", |text| text.replace('*', "\\*").replace('_', "\\_").replace('#', "\\#")),
    ("Markdown's stars", |text| text.lines().map(|line| format!("  *{}*\n", line.trim())).collect()),
    ("line numbers", |text| (1..).zip(text.lines()).map(|(n, line)| format!("{n:6}\t{line}\n")).collect()),
    ("a numbered list", |text| (1..).zip(text.lines()).map(|(n, line)| format!("{n}. {line}\n")).collect()),
    ("comments", |text| text.lines().map(|line| format!("# {line}\n")).collect()),
    ("single spaces", |text| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(|line| words(line) + "\n").collect()
    }),
    ("quoted-printable", |text| {
        let text = text.replace('=', "=3D");
        text.lines()
            .map(|line| line.strip_suffix(' ').map_or(line.to_owned(), |l| format!("{l}=20")) + "\n")
            .collect()
    }),
    ("a mail's quotation of HTML", |text| text.lines().map(|line| format!("&gt; &gt; {line}\n")).collect()),
    ("blank lines between", |text| text.replace('\n', "\n\n")),
    ("code fences and a prompt", |text| {
        format!("```\nuser@host:~$ lsusb -v\n{text}user@host:~$ \n```\nPlease help!\n")
    }),
];

#[test]
fn damages_to_published_descriptors_are_undone() {
    let mut wrong = Vec::new();
    // The logs and tables of other programs cannot be broken up again.
    let one_line: Damage = |text| text.replace('\n', " ");
    let all: Vec<(&str, Damage)> = DAMAGES.iter().copied().chain([("one line", one_line)]).collect();
    for (first, report) in test_support::reports::all().into_iter().enumerate() {
        for text in report.texts() {
            let meant = lines(&read(text.as_bytes()).unwrap());
            // The texts are alike: each is damaged in other ways than the one before.
            for (name, damage) in all.iter().skip(first % 5).step_by(5) {
                let paste = read(damage(&text).as_bytes()).unwrap_or_default();
                if lines(&paste) != meant {
                    wrong.push(format!(
                        "{name}: {} instead of {}",
                        lines(&paste).join("; "),
                        meant.join("; ")
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn damages_to_fixtures_are_undone() {
    let mut wrong = Vec::new();
    // Spaces are all that a tree has, and JSON is not pasted line by line.
    let files = FILES.iter().filter(|(name, _)| !name.contains("tree") && !name.contains("mmcli-j"));
    for (first, (file, meant)) in files.enumerate() {
        let text = String::from_utf8(fixture(file)).unwrap();
        let modems = read(text.as_bytes()).unwrap().modems;
        // Those of one program stand one after another.
        for (name, damage) in DAMAGES.iter().skip(first % 4).step_by(4) {
            let paste = read(damage(&text).as_bytes()).unwrap_or_default();
            if lines(&paste) != *meant || paste.modems != modems {
                wrong.push(format!("{file}, {name}: {}", lines(&paste).join("; ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines out of the fixtures, damaged and mixed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<Vec<u8>> = FILES
        .iter()
        .flat_map(|(name, _)| fixture(name).split(|b| *b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>())
        .collect();
    let line = prop::sample::select(all);
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0u8..4);
    let line = (line, change).prop_map(|(mut line, (at, byte, what))| {
        if !line.is_empty() {
            let at = at.index(line.len());
            match what {
                0 => line[at] = byte,
                1 => line.truncate(at),
                2 => line.insert(at, byte),
                _ => {}
            }
        }
        line
    });
    prop::collection::vec(line, 0..60).prop_map(|lines| lines.join(&b'\n'))
}

/// What the end of a text would have told is not guessed, wherever the text ends.
#[test]
fn a_cut_text_claims_nothing_else() {
    let catalogue = Catalogue::builtin();
    let sticks = |text: &str| -> Vec<Stick> {
        let paste = read(text.as_bytes()).unwrap_or_default();
        paste.devices.iter().map(|device| device.stick(&place(), &catalogue)).collect()
    };
    for (first, report) in test_support::reports::all().into_iter().enumerate() {
        let short = report.usb_devices();
        // The texts are alike, and each is cut at other places than the one before.
        let anywhere = (first % 37..short.len()).step_by(37).collect();
        // Within a line, 25 may be 255.
        let by_line = |text: &String| -> Vec<usize> {
            text.match_indices('\n').map(|(at, _)| at + 1).skip(first % 17).step_by(17).collect()
        };
        let verbose = report.lsusb_v().map(|text| (by_line(&text), text));
        for (cuts, text) in [Some((anywhere, short)), verbose].into_iter().flatten() {
            let whole = &sticks(&text)[0];
            let role = |number| whole.interfaces.iter().find(|i| i.number == number).map(|i| i.role);
            for cut in cuts {
                for stick in sticks(&text[..cut]) {
                    assert_eq!(stick.id, whole.id, "cut at {cut}");
                    for i in &stick.interfaces {
                        let known = i.role == Role::Serial || Some(i.role) == role(i.number);
                        assert!(known, "{} cut at {cut}: {i:?} {:?}", stick.id, role(i.number));
                    }
                    // The id alone may be mistaken.
                    let known = stick.interfaces.is_empty()
                        || stick.mode == Mode::Unknown
                        || stick.mode == whole.mode;
                    assert!(known, "{} cut at {cut}: {:?} {:?}", stick.id, stick.mode, stick.interfaces);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_breaks_it(text in damaged()) {
        if let Some(paste) = read(&text) {
            prop_assert!(paste.devices.len() <= MOST_DEVICES);
            for device in &paste.devices {
                prop_assert!(device.id != NO_ID);
                let _ = device.stick(&place(), &Catalogue::builtin());
                for configuration in device.descriptors() {
                    let bytes = configuration.encode();
                    prop_assert!(bytes.len() < 1 << 20);
                }
            }
        }
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Leading spaces, quotation marks and line ends carry nothing.
    #[test]
    fn how_a_text_was_pasted_does_not_matter(
        file in prop::sample::select(FILES.iter().filter(|(name, _)| !name.contains("tree")).map(|(name, _)| *name).collect::<Vec<_>>()),
        indent in 0usize..12, quoted in any::<bool>(), crlf in any::<bool>(),
    ) {
        let text = String::from_utf8(fixture(file)).unwrap();
        if !text.starts_with('{') {
            let (mark, end) = (if quoted { "> " } else { "" }, if crlf { "\r\n" } else { "\n" });
            let spaces = " ".repeat(indent);
            let again: String = text.lines().map(|line| format!("{mark}{spaces}{line}{end}")).collect();
            prop_assert_eq!(read(again.as_bytes()), read(text.as_bytes()));
        }
    }
}
