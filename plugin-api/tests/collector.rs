//! What services that collect share.

use std::{
    cell::RefCell,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::Duration,
};

use prony_plugin_api::{
    collector::{at_once, without_secrets, Ended, Outbox, Rhythm, Worker},
    ErrorKind, PublishError,
};

const CAPACITY: usize = 60;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Publishes to a bus that takes `room` batches, and gives those it took.
fn flush(outbox: &mut Outbox<u64>, room: usize) -> Vec<u64> {
    let taken = RefCell::new(Vec::new());
    outbox.flush(|batch| {
        let mut taken = taken.borrow_mut();
        if taken.len() == room {
            return Err(PublishError::Full);
        }
        taken.push(*batch);
        Ok(())
    });
    taken.into_inner()
}

#[test]
fn what_a_full_bus_refuses_is_kept_in_order() {
    let mut outbox = Outbox::new(CAPACITY);
    (1..=3).for_each(|batch| assert_eq!(outbox.add(batch), 0));
    assert_eq!(flush(&mut outbox, 1), [1]);
    assert_eq!(flush(&mut outbox, 0), [0; 0]);
    outbox.add(4);
    assert_eq!(flush(&mut outbox, 9), [2, 3, 4]);
    assert!(outbox.is_empty());
}

#[test]
fn the_oldest_go_when_too_many_wait() {
    let mut outbox = Outbox::new(CAPACITY);
    let thrown: usize = (0..CAPACITY as u64 + 2).map(|batch| outbox.add(batch)).sum();
    assert_eq!(thrown, 2);
    let kept = flush(&mut outbox, usize::MAX);
    assert_eq!((kept[0], kept.len()), (2, CAPACITY));
}

#[test]
fn a_batch_that_is_too_large_does_not_hold_up_the_others() {
    let mut outbox = Outbox::new(CAPACITY);
    (1..=2).for_each(|batch| assert_eq!(outbox.add(batch), 0));
    outbox.flush(|batch| if *batch == 1 { Err(PublishError::TooLarge) } else { Ok(()) });
    assert!(outbox.is_empty());
}

#[test]
fn nothing_is_kept_for_a_run_that_is_over() {
    let mut outbox = Outbox::new(CAPACITY);
    outbox.add(1);
    outbox.flush(|_| Err(PublishError::Closed));
    assert!(outbox.is_empty());
}

#[test]
fn an_address_is_shown_without_what_opens_it() {
    assert_eq!(without_secrets("http://me:pw@h:9400/metrics?token=x"), "http://h:9400/metrics");
    assert_eq!(without_secrets("h:9400/a@b#x"), "h:9400/a@b");
}

#[test]
fn answers_stand_in_the_order_of_the_sources() {
    let mut sources: Vec<u32> = (0..20).collect();
    let doubled = at_once(&mut sources, |source| {
        *source += 1;
        *source * 2
    });
    assert_eq!((sources[19], doubled), (20, (1..=20).map(|source| source * 2).collect()));
    assert!(at_once(&mut [] as &mut [u32], |source| *source).is_empty());
}

#[test]
fn a_rhythm_ticks_while_it_does_not_rest_and_makes_up_for_nothing() {
    let (sender, commands) = mpsc::channel();
    let mut rhythm = Rhythm::every(10);
    let wait = |rhythm: &Rhythm, now_ns| rhythm.wait(&commands, now_ns);
    rhythm.begin(100);
    assert_eq!(wait(&rhythm, 110), Err(RecvTimeoutError::Timeout));
    // A slow tick: those at 120 and 130 are missed.
    rhythm.ticked(135);
    assert_eq!(wait(&rhythm, 140), Err(RecvTimeoutError::Timeout));
    rhythm.rest();
    sender.send("stop").unwrap();
    assert_eq!(wait(&rhythm, u64::MAX), Ok("stop"));
    drop(sender);
    assert_eq!(wait(&rhythm, 0), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn a_worker_hears_commands_until_its_work_is_done() {
    let (said, heard) = mpsc::channel();
    let work = move |commands: &Receiver<u32>| {
        commands.iter().take_while(|command| *command > 0).for_each(|command| said.send(command).unwrap());
    };
    let worker = Worker::start("worker", work).unwrap();
    for command in [3, 2, 0] {
        worker.tell(command);
    }
    assert_eq!(worker.end(TIMEOUT).unwrap(), Ended::InTime);
    assert_eq!(heard.iter().collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn a_worker_that_panicked_or_goes_on_is_found_out() {
    let panics = Worker::start("meter", |_: &Receiver<()>| panic!("a fault of the test")).unwrap();
    let error = panics.end(TIMEOUT).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::PANIC, "meter: the thread panicked"));
    let goes_on = Worker::start("meter", |commands: &Receiver<()>| commands.iter().for_each(drop)).unwrap();
    assert_eq!(goes_on.end(Duration::ZERO).unwrap(), Ended::Late);
}
