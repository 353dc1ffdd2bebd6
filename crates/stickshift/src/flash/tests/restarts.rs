//! Sticks that restart, lose their power or are asked to stop in the middle of it.

use super::*;

#[test]
fn only_a_stick_that_kept_its_power_knows_the_open_partition() {
    for block in [0, 1] {
        // A stick that never knew the partition may take its first block.
        assert!(!is_open(&mut link(""), block).unwrap());
    }
    for block in [2, 7] {
        let mut body = Vec::new();
        message::block(block, &[0], &mut body);
        let asked = frame(&body);
        let mut open = link(&format!("{asked}{ACK}"));
        assert!(is_open(&mut open, block).unwrap());
        let mut other = link(&format!("{asked}{}{VERSION}", refusal(7)));
        assert!(!is_open(&mut other, block).unwrap());
        assert!(other.is_finished());
    }
}

/// A stick that leaves the bus when its tape is played.
struct Leaving(TapeLink);

impl ByteLink for Leaving {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write(bytes)
    }

    fn read(&mut self, buffer: &mut [u8], deadline: Moment) -> Result<usize> {
        if self.0.is_finished() {
            return Err(Error::new(ErrorKind::Disconnected, "the stick disconnected"));
        }
        self.0.read(buffer, deadline)
    }

    fn discard_input(&mut self) -> Result<()> {
        self.0.discard_input()
    }

    fn now(&self) -> Moment {
        self.0.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.0.sleep(time);
    }
}

#[test]
fn a_stick_may_restart_with_a_new_partition_table() {
    for (code, table) in [(0x0001_0000, true), (0x0000_0100, true), (CODE, false)] {
        let asked = format!(
            "{}{ACK}{}{ACK}{}",
            frame(&message::start(code, 4)),
            block_frame(),
            frame(&message::end(code, 4))
        );
        // Without an answer the table may be there or not: it is sent once more.
        for (tape, next) in [(asked.clone(), 0), (asked + ACK + "> 7e0c143a7e\n", 1)] {
            let mut link = Leaving(link(&tape));
            let mut payload = Small::of(code, &DATA);
            let result =
                run(&mut link, &mut payload, 0, Finish::Stay, &mut NoObserver, &mut Session::quiet());
            match result {
                Ok(outcome) => assert_eq!((table, outcome), (true, Outcome::RestartedAfterTable { next })),
                Err(error) => {
                    assert!(!table && error.is(ErrorKind::Disconnected), "{code:08x}: {error:?}");
                    assert_eq!(error.verdict(), Some(Verdict::Recoverable));
                }
            }
        }
    }
}

#[test]
fn a_stop_waits_for_the_end_of_what_the_stick_needs_to_start() {
    for (boot_chain, acknowledged, verdict) in
        [(true, "1", Verdict::Recoverable), (false, "0", Verdict::Recoverable)]
    {
        let block = |n| {
            let mut body = Vec::new();
            message::block(n, &[0; message::BLOCK_SIZE], &mut body);
            frame(&body)
        };
        let size = 3 * message::BLOCK_SIZE as u32;
        let whole = [
            frame(&message::start(CODE, size)),
            block(1),
            block(2),
            block(3),
            frame(&message::end(CODE, size)),
        ];
        let goes = if boot_chain { 5 } else { 1 };
        let mut tape: String = whole[..goes].iter().map(|request| format!("{request}{ACK}")).collect();
        if boot_chain {
            tape += VERSION;
        }
        let mut link = link(&tape);
        let mut payload = Small::of(CODE, &vec![0; size as usize]);
        payload.0[0].boot_chain = boot_chain;
        payload.0.push(payload.0[0].clone());
        let cancel = crate::event::Cancel::new();
        let stop = cancel.clone();
        // The first report of progress comes when the partition was begun.
        let sink = move |event| {
            if let Event::Progress { .. } = event {
                stop.cancel();
            }
        };
        let mut session = Session::new(sink, cancel);
        let error = run(&mut link, &mut payload, 0, Finish::Stay, &mut NoObserver, &mut session).unwrap_err();
        assert!(link.is_finished() && error.is(ErrorKind::Interrupted), "{error:?}");
        assert_eq!((error.fact("acknowledged"), error.verdict()), (Some(acknowledged), Some(verdict)));
    }
}
