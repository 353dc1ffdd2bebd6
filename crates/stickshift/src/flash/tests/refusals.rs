//! Refusals: at the start, beside an acknowledgement, upon the restart; and answers to something else.

use super::*;

#[test]
fn the_first_start_refused_at_once_touches_nothing() {
    let asked = format!("{}{}", start_frame(), refusal(2));
    let refused = |tape: &str| send(tape, Finish::Stay).0.unwrap_err();
    // It is still there and says so: nothing was begun.
    let error = refused(&format!("{asked}{VERSION}"));
    assert_eq!((error.fact("code"), error.verdict()), (Some("02"), Some(Verdict::Untouched)));
    // The refusal was of something else; that of the start follows.
    let error = refused(&format!("{asked}{}", version_after(&refusal(0x0c))));
    assert_eq!((error.fact("code"), error.verdict()), (Some("0c"), Some(Verdict::Untouched)));
    // It says nothing more: what became of the start was not seen.
    let error = refused(&format!("{asked}> 7e0c143a7e\n"));
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
    // The first start was not heard, so that one may have begun.
    let error = refused(&format!("{}{VERSION}{asked}{VERSION}", start_frame()));
    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
}

#[test]
fn a_start_that_is_answered_after_the_refusal_of_something_else_is_begun() {
    let tape = format!(
        "{}{}{}{}{ACK}{}{ACK}{VERSION}",
        start_frame(),
        refusal(6),
        version_after(ACK),
        block_frame(),
        end_frame()
    );
    assert_eq!(send(&tape, Finish::Stay).0.unwrap(), Outcome::Complete);
}

/// What speaks of signatures is the judgement on what was sent before, and no acknowledgement of a later request takes it back.
#[test]
fn a_signature_refused_late_is_not_lost() {
    let began_another = format!("{}{}{}", start_frame(), refusal(0x0c), version_after(ACK));
    let error = send(&began_another, Finish::Stay).0.unwrap_err();
    assert_eq!((error.fact("code"), error.verdict()), (Some("0c"), Some(Verdict::Recoverable)));

    let sent = format!("{}{ACK}{}{ACK}{}{ACK}{VERSION}", start_frame(), block_frame(), end_frame());
    // Upon the restart it may be of either, and the stick stays where it takes another image.
    for code in [0x0c, 0x0e] {
        let tape = format!("{sent}{RESET}{}", refusal(code));
        let error = send(&tape, Finish::Reset).0.unwrap_err();
        let words = "the end of the last partition, or the restart";
        assert!(error.is(ErrorKind::SignatureRefused) && error.what().contains(words), "{error}");
        assert_eq!(error.verdict(), Some(Verdict::Recoverable));
    }
}

/// One after the other in one read; or the second later, upon the next request.
#[test]
fn a_refusal_beside_an_acknowledgement_is_not_lost() {
    let ack = "7e026ad37e";
    for code in [7, 0x0a, 0x0c] {
        let no = refusal(code).replace("< ", "").replace('\n', "");
        let begun = format!("{}{ACK}{}", start_frame(), block_frame());
        let within = format!("{begun}< {ack}{no}\n");
        let before = format!("{begun}< {no}{ack}\n{VERSION}");
        let upon_the_next = format!("{begun}{ACK}{}< {no}{ack}\n{VERSION}", end_frame());
        let upon_the_question = format!("{begun}{ACK}{}{ACK}{}", end_frame(), version_after(&refusal(code)));
        let late = format!("{begun}{}", version_after(&format!("< {no}{ack}\n")));
        let twice = format!("{begun}{}", version_after(&format!("< {no}{}", refusal(1).replace("< ", ""))));
        for tape in [within, before, upon_the_next, upon_the_question, late, twice] {
            let good = format!("{}{ACK}{}{ACK}{}{ACK}{VERSION}", start_frame(), block_frame(), end_frame());
            match code {
                7 => {
                    let (result, warnings) = send(&format!("{tape}{good}"), Finish::Stay);
                    let told = vec!["partition-restart"];
                    assert_eq!((result.unwrap(), warnings), (Outcome::Complete, told), "{tape}");
                }
                _ => {
                    let error = send(&tape, Finish::Stay).0.unwrap_err();
                    assert_eq!(error.fact("code"), Some(format!("{code:02x}").as_str()), "{tape}");
                    assert!(error.what().ends_with(nak::words(code)), "{error}");
                }
            }
        }
    }
    // Other codes may answer another program's words, and what was damaged was sent again.
    for code in [1, 2, 4, 6] {
        let beside = format!("< {ack}{}", refusal(code).replace("< ", ""));
        let tape = format!("{}{ACK}{}{beside}{}{ACK}{VERSION}", start_frame(), block_frame(), end_frame());
        assert_eq!(send(&tape, Finish::Stay).0.unwrap(), Outcome::Complete, "{code:02x}");
    }
}

#[test]
fn a_stick_that_answers_with_something_else_is_not_called_silent() {
    let echoed = |request: String| {
        let echo = request.replace("> ", "< ");
        format!("{request}{echo}{VERSION}").repeat(4)
    };
    let begun = format!("{}{ACK}", start_frame());
    let sent = format!("{begun}{}{ACK}", block_frame());
    for tape in [
        echoed(start_frame()),
        format!("{begun}{}", echoed(block_frame())),
        format!("{sent}{}", echoed(end_frame())),
    ] {
        let error = send(&tape, Finish::Stay).0.unwrap_err();
        assert!(error.is(ErrorKind::UnexpectedAnswer) && error.what().contains("each time"), "{error:?}");
        assert_eq!(error.verdict(), Some(Verdict::Recoverable));
    }
}

#[test]
fn repeats_without_an_end_are_counted() {
    let damaged = |n: u32, length: usize| {
        let mut body = Vec::new();
        message::block(n, &vec![0; length], &mut body);
        format!("{}{}", frame(&body), version_after(&format!("{}{ACK}", refusal(1))))
    };
    let size = 4 * message::BLOCK_SIZE;
    let blocks: String = (1..=4).map(|n| damaged(n, message::BLOCK_SIZE)).collect();
    let (start, end) = (message::start(CODE, size as u32), message::end(CODE, size as u32));
    let tape = format!("{}{ACK}{blocks}{}{ACK}{VERSION}", frame(&start), frame(&end));
    let mut link = link(&tape);
    let mut told = Vec::new();
    let sink = |event| {
        if let Event::Warning { text, .. } = event {
            told.push(text);
        }
    };
    let mut session = Session::new(sink, crate::event::Cancel::new());
    let mut payload = Small::of(CODE, &vec![0; size]);
    run(&mut link, &mut payload, 0, Finish::Stay, &mut NoObserver, &mut session).unwrap();
    drop(session);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[3].starts_with("1 more request"), "{told:?}");
}
