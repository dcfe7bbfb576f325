//! What goes through the gate, and what answers do to it.

use std::collections::VecDeque;
use std::sync::atomic::AtomicI64;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;

use super::super::testing;
use super::*;
use crate::provider::Until;

type Answer = Result<Response, CallError>;

/// Answers from a list, then 200.
#[derive(Default)]
struct Provider(Mutex<VecDeque<Answer>>, AtomicI64);

#[async_trait]
impl Http for Provider {
    async fn call(&self, _: Request) -> Answer {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.lock().unwrap().pop_front().unwrap_or_else(|| answer(200, &[]))
    }
}

fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Answer {
    let header =
        |(name, value): &(&'static str, &'static str)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    Ok(Response { status, headers: headers.iter().map(header).collect::<HeaderMap>(), body: Vec::new() })
}

fn metered(answers: impl IntoIterator<Item = Answer>) -> (Metered, Arc<Provider>) {
    const METERS: &[Meter] =
        &[Meter { header: "x-left", is_shared: true, until: Until::In(SignedDuration::from_secs(60)) }];
    let provider = Arc::new(Provider(Mutex::new(answers.into_iter().collect()), AtomicI64::default()));
    let gate = Gate::new(&[], Clock::from_fn(testing::now));
    let inner: Arc<dyn Http> = Arc::<Provider>::clone(&provider);
    (Metered { account: AccountName::from("desk"), inner, gate, meters: METERS }, provider)
}

fn request(method: Method) -> Request {
    Request::new(method, "https://api.example/".parse().unwrap())
}

async fn status(line: &Line, method: Method) -> Option<u16> {
    line.call(request(method)).await.ok().map(|response| response.status)
}

#[tokio::test]
async fn a_429_makes_the_whole_account_wait_and_no_send_loses_an_attempt() {
    for (headers, wait) in [(&[("retry-after", "60")][..], 60), (&[], 5)] {
        let (metered, provider) = metered([answer(429, headers)]);
        assert_eq!(status(&metered.line(Priority::Reply), Method::POST).await, Some(429));
        assert_eq!(metered.gate().rests(true), SignedDuration::from_secs(wait));
        assert!(metered.gate().turn_now(Priority::Page, false).is_none());
        if wait > 30 {
            let line = metered.line(Priority::Page);
            let error = line.call(request(Method::POST)).await.err();
            assert_eq!(error, Some(CallError::NotSent("the account desk has to wait".to_owned())));
            assert_eq!(line.put_off(), Some(SignedDuration::from_secs(wait)));
        }
        assert_eq!(provider.1.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn what_an_answer_says_is_left_is_heeded() {
    let (metered, _) = metered([answer(200, &[("x-left", "1")]), answer(200, &[("x-left", "0")])]);
    let line = metered.line(Priority::Act);
    assert_eq!(status(&line, Method::POST).await, Some(200));
    assert_eq!(status(&line, Method::GET).await, Some(200));
    assert_eq!(line.call(request(Method::GET)).await.ok().map(|response| response.status), None);
    assert_eq!(line.put_off(), None, "something was changed by it already");
}

#[tokio::test]
async fn only_the_first_call_that_changes_something_uses_the_turn() {
    let (metered, provider) = metered([]);
    let quotas = [Quota { class: CallClass::Write, calls: 1, per: SignedDuration::from_secs(60) }];
    let metered = Metered { gate: Gate::new(&quotas, Clock::from_fn(testing::now)), ..metered };
    let turn = metered.gate().turn_now(Priority::Act, false);
    assert!(turn.is_some() && metered.gate().turn_now(Priority::Act, false).is_none());
    let line = metered.line_with(Priority::Reply, turn);
    assert_eq!(status(&line, Method::GET).await, Some(200));
    assert_eq!(status(&line, Method::POST).await, Some(200));
    assert_eq!(provider.1.load(Ordering::SeqCst), 2);
    assert!(line.turn.lock().unwrap().is_none());
    drop(metered.line_with(Priority::Reply, None));
}

#[tokio::test]
async fn what_answers_say_of_the_provider() {
    let failed = |why: &str| Seen::Failed(why.to_owned());
    for (result, wanted) in [
        (answer(200, &[]), Seen::Served),
        (answer(404, &[]), Seen::Served),
        (answer(429, &[]), Seen::Served),
        (answer(401, &[]), failed("credentials refused: 401")),
        (answer(403, &[]), failed("credentials refused: 403")),
        (answer(503, &[]), failed("503")),
        (Err(CallError::NotSent("secret.example".to_owned())), failed("no connection")),
        (Err(CallError::Unanswered("x".to_owned())), failed("no answer")),
        (Err(CallError::Forbidden("x".to_owned())), Seen::Nothing),
    ] {
        assert_eq!(seen(&result), wanted);
    }
    let (metered, provider) = metered((0..9).map(|_| answer(401, &[])));
    for _ in 0..5 {
        assert_eq!(status(&metered.line(Priority::Act), Method::POST).await, Some(401));
    }
    let status = metered.gate().status();
    assert_eq!((status.breaker, status.since), (BreakerState::Open, Some(testing::now())));
    assert_eq!(status.reason.as_deref(), Some("credentials refused: 401"));
    assert!(metered.gate().turn_now(Priority::Page, true).is_none());
    assert_eq!(provider.1.load(Ordering::SeqCst), 5);
    assert!(status.until > Some(Timestamp::UNIX_EPOCH));
}

#[tokio::test]
async fn the_try_of_a_half_open_breaker_may_begin_with_a_read() {
    let time = Arc::new(AtomicI64::new(0));
    let clock = {
        let time = Arc::clone(&time);
        Clock::from_fn(move || Timestamp::from_second(1_000_000 + time.load(Ordering::SeqCst)).unwrap())
    };
    let (metered, provider) = metered((0..5).map(|_| answer(500, &[])));
    let metered = Metered { gate: Gate::new(&[], clock), ..metered };
    for _ in 0..5 {
        assert_eq!(status(&metered.line(Priority::Act), Method::POST).await, Some(500));
    }
    assert_eq!(metered.gate().status().breaker, BreakerState::Open);
    // The provider is well again, and nobody else uses the account.
    time.store(60, Ordering::SeqCst);
    let turn = metered.gate().turn(Priority::Act, false).await;
    let line = metered.line_with(Priority::Reply, Some(turn));
    let began = std::time::Instant::now();
    let got = status(&line, Method::GET).await;
    eprintln!(
        "look-up: {got:?} after {:?}, put off {:?}, calls {}, breaker {:?}",
        began.elapsed(),
        line.put_off(),
        provider.1.load(Ordering::SeqCst),
        metered.gate().status().breaker
    );
    assert_eq!(got, Some(200), "the send's own turn keeps its own look-up waiting");
}
