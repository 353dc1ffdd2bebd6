//! Questions on a terminal: the first Ctrl-C ends any of them, and nothing was begun.

#![cfg(all(target_os = "linux", feature = "virtual"))]

mod terminal;

use std::process::Command;

use terminal::Terminal;

#[test]
fn the_first_ctrl_c_ends_a_question_and_nothing_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_stickshift"))
        .args(["rehearse", "--files", ".", "--quiet"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(made.success());
    let convert = ["convert", "--to", "stick", "--loader", "loader.bin", "--firmware", "firmware.bin"];
    for (arguments, question) in [
        (&[&convert[..], &["--virtual", "e3372h-hilink"]].concat()[..], "[y/N] "),
        (&["hilink", "reboot", "--virtual", "e3372h-hilink"], "[y/N] "),
        (&["pin", "change", "--virtual", "e3372h-stick"], "PIN"),
    ] {
        let mut terminal = Terminal::run(arguments, folder.path());
        terminal.wait_for(question);
        let (code, shown) = terminal.ctrl_c();
        assert!(shown.contains("nothing was begun"), "{arguments:?}: {shown}");
        assert!(shown.contains("untouched"), "{arguments:?}: {shown}");
        assert_eq!(code, Some(6), "{arguments:?}: {shown}");
    }
}

#[test]
fn of_several_sticks_one_is_chosen_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let signal = ["ports", "show", "--virtual", "e3372h-hilink,e3372h-stick,e3372s"];
    let mut terminal = Terminal::run(&signal, folder.path());
    terminal.wait_for("Which one? [1-3, none: Enter] ");
    assert!(terminal.shown.contains("  2  1-2  12d1:1506  modem (serial ports)"), "{}", terminal.shown);
    terminal.type_keys("2\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("4G PCUI (AT)"), "{shown}");

    for (keys, exit) in [("\n", 3), ("4\n", 3), ("0\n", 3), ("\x03", 6)] {
        let mut terminal = Terminal::run(&signal, folder.path());
        terminal.wait_for("Which one? ");
        terminal.type_keys(keys);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(exit), "{keys:?}: {shown}");
        assert!(shown.contains("untouched"), "{shown}");
    }
    // Nobody is asked where the words say which one, or where nothing may be asked.
    let (code, shown) =
        Terminal::run(&["signal", "1-2", "--virtual", "e3372h-hilink,e3372h-stick"], folder.path()).end();
    assert_eq!((code, shown.contains("Which")), (Some(0), false), "{shown}");
    let (code, shown) = Terminal::run(&[&signal[..], &["--yes"]].concat(), folder.path()).end();
    assert_eq!((code, shown.contains("Which")), (Some(3), false), "{shown}");
}
