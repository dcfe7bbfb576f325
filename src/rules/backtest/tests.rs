//! Each kind of change is planted, and must be found; the same book changes nothing.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::model::{Control, Mode, Scope, Verdict};
use crate::rules::testing::{self, Play, book, now, rules, surroundings};

/// What was said, each some time after the one before.
fn said(texts: &[(&str, &str)]) -> Vec<(String, Value)> {
    texts.iter().map(|(after, text)| ((*after).to_owned(), json!({ "message": { "text": text } }))).collect()
}

/// Events as a book decided them.
fn stored(list: &str, said: &[(String, Value)]) -> Vec<(Event, Decision)> {
    let mut play = Play::new(list);
    let decide = |(number, (after, written)): (usize, &(String, Value))| {
        play.wait(after);
        let event = testing::event(written.clone(), &surroundings(), number, play.now);
        (event, play.decide(written.clone()))
    };
    said.iter().enumerate().map(decide).collect()
}

fn again(list: &str, stored: Vec<(Event, Decision)>, since: Timestamp) -> (Vec<Changed>, Summary) {
    let book = book(&[("rules.yaml", &rules(list))], surroundings());
    let mut backtest = Backtest::new(&book, since, None);
    let mut changed = Vec::new();
    for (event, decision) in stored {
        changed.extend(backtest.take(event, Some(decision)));
    }
    let (rest, summary) = backtest.finish();
    changed.extend(rest);
    (changed, summary)
}

/// What changes when `new` decides what `old` has decided: a line for each change, and the summary.
fn told(old: &str, new: &str, texts: &[(&str, &str)]) -> String {
    let (changed, summary) = again(new, stored(old, &said(texts)), Timestamp::UNIX_EPOCH);
    let name = |outcome: &Option<Outcome>| match outcome {
        Some(outcome) => format!("{} {}", outcome.rule, outcome.against().unwrap_or("done".to_owned())),
        None => "none".to_owned(),
    };
    let mut lines = Vec::new();
    for (changed, change) in changed.iter().flat_map(|changed| changed.changes.iter().map(move |it| (changed, it))) {
        let minutes = changed.at.duration_since(now()).as_mins();
        let (before, after) = (name(&change.before), name(&change.after));
        lines.push(format!("{minutes}m {:?} {}: {before} -> {after}", change.what, change.action));
    }
    let tally = |(kind, it): (&String, &Tally)| {
        let to_person = if it.to_person > 0 { format!(" ?{}", it.to_person) } else { String::new() };
        format!("{kind} +{} -{}{to_person} ~{} ≈{}", it.gained, it.lost, it.changed_text, it.changed_otherwise)
    };
    let actions: Vec<String> = summary.actions.iter().map(tally).collect();
    let held_back: Vec<String> = summary.held_back.iter().map(|(code, count)| format!("{code} {count}")).collect();
    lines.push(format!("{} of {}; {}; {}", summary.changed, summary.events, actions.join(", "), held_back.join(", ")));
    lines.join("\n")
}

const NONE: &str = "  []";

const REFUND: &str = "  - name: refund\n    when: { message.text: { contains: refund } }\n    do: [{ reply: { text: 'Hi, we have it.' } }]";

#[test]
fn the_same_book_changes_nothing() {
    let list = "
  - name: counter
    when: { script: state.n != 3 }
    do: [{ set: { n: '{{ (state.n | default(0)) + 1 }}' } }, { note: { text: 'number {{ state.n | default(0) }}' } }]
  - name: who
    do: [{ set: { in: contact, seen: true } }]
  - name: daily
    once: { per: contact, every: 24h }
    do: [{ reply: { text: 'Hello {{ state.n }}' } }]
  - name: broken
    when: { message.text: { contains: break } }
    do: [{ note: { text: '{{ contact.phone }}' } }, { script: 'let x = state.nothing + 1; note(x)' }]";
    let texts = [("0s", "a"), ("1m", "break"), ("5m", "b"), ("23h", "c"), ("2h", "d")];
    assert_eq!(told(list, list, &texts), "0 of 5; ; ");
}

#[test]
fn a_renamed_rule_changes_nothing() {
    let renamed = REFUND.replace("name: refund", "name: money-back");
    assert_eq!(told(REFUND, &renamed, &[("0s", "refund"), ("1m", "tea")]), "0 of 2; ; ");
}

#[test]
fn replies_that_come_go_and_change() {
    let wider = REFUND.replace("contains: refund", "contains_any: [refund, money]");
    insta::assert_snapshot!(told(REFUND, &wider, &[("0s", "my money"), ("20m", "refund"), ("20m", "tea")]), @r"
    0m Gained reply: none -> refund done
    1 of 3; reply +1 -0 ~0 ≈0; 
    ");
    insta::assert_snapshot!(told(&wider, REFUND, &[("0s", "my money"), ("20m", "refund")]), @r"
    0m Lost reply: refund done -> none
    1 of 2; reply +0 -1 ~0 ≈0; 
    ");
    let polite = REFUND.replace("Hi, we", "Dear you, we");
    insta::assert_snapshot!(told(REFUND, &polite, &[("0s", "refund"), ("20m", "tea")]), @r"
    0m Changed reply: refund done -> refund done
    1 of 2; reply +0 -0 ~1 ≈0; 
    ");
    let late = REFUND.replace("it.' }", "it.', delay: 5m }");
    insta::assert_snapshot!(told(REFUND, &late, &[("0s", "refund")]), @r"
    0m Changed reply: refund done -> refund done
    1 of 1; reply +0 -0 ~0 ≈1; 
    ");
}

#[test]
fn notes_tags_and_state_are_counted_apart() {
    let old = "  - name: triage\n    do: [{ note: { text: old } }, { tag: { add: [a] } }, { set: { seen: yes } }]";
    let new = "  - name: triage\n    do: [{ note: { text: new } }, { tag: { add: [b] } }, { assign: dr-lee }]";
    insta::assert_snapshot!(told(old, new, &[("0s", "x")]), @r"
    0m Changed note: triage done -> triage done
    0m Changed tag: triage done -> triage done
    0m Lost set: triage done -> none
    0m Gained assign: none -> triage done
    1 of 1; assign +1 -0 ~0 ≈0, note +0 -0 ~1 ≈0, set +0 -1 ~0 ≈0, tag +0 -0 ~0 ≈1; 
    ");
}

#[test]
fn what_is_newly_held_back_is_told_with_what_holds_it() {
    let veto =
        format!("{REFUND}\n  - name: hush\n    when: {{ message.text: {{ contains: lawyer }} }}\n    veto: reply");
    insta::assert_snapshot!(told(REFUND, &veto, &[("0s", "refund or my lawyer"), ("20m", "lawyer")]), @r"
    0m Lost reply: refund done -> refund vetoed
    1 of 2; reply +0 -1 ~0 ≈0; vetoed 1
    ");
    let shadow = REFUND.replace("    do:", "    mode: shadow\n    do:");
    insta::assert_snapshot!(told(REFUND, &shadow, &[("0s", "refund")]), @r"
    0m Lost reply: refund done -> refund shadowed
    1 of 1; reply +0 -1 ~0 ≈0; shadowed 1
    ");
    let broken = REFUND.replace("Hi, we", "Hi {{ contact.phone }}, we");
    insta::assert_snapshot!(told(REFUND, &broken, &[("0s", "refund")]), @r"
    0m Lost reply: refund done -> refund failed
    1 of 1; reply +0 -1 ~0 ≈0; failed 1
    ");
    let tea =
        "  - name: tea\n    when: { message.text: { contains: tea } }\n    do: [{ reply: { text: x, kind: ack } }]";
    let both = format!("{REFUND}\n{tea}");
    insta::assert_snapshot!(told(REFUND, &both, &[("0s", "tea"), ("20m", "tea")]), @r"
    0m Gained reply: none -> tea done
    20m HeldBack reply: none -> tea once
    2 of 2; reply +1 -0 ~0 ≈0; once 1
    ");
    insta::assert_snapshot!(told(&both, REFUND, &[("0s", "tea"), ("20m", "tea")]), @r"
    0m Lost reply: tea done -> none
    20m Dropped reply: tea once -> none
    2 of 2; reply +0 -1 ~0 ≈0; 
    ");
    let failing = format!("{REFUND}\n  - name: odd\n    when: {{ script: state.nothing > 1 + () }}\n    stop: true");
    insta::assert_snapshot!(told(REFUND, &failing, &[("0s", "tea")]), @r"
    0m HeldBack rule: none -> odd failed
    1 of 1; ; failed 1
    ");
}

#[test]
fn a_limit_counts_what_this_book_has_decided() {
    let once = REFUND.replace("    do:", "    once: { per: conversation }\n    do:");
    let texts = [("0s", "refund"), ("20m", "refund"), ("20m", "refund")];
    insta::assert_snapshot!(told(REFUND, &once, &texts), @r"
    20m Lost reply: refund done -> refund once
    40m Lost reply: refund done -> refund once
    2 of 3; reply +0 -2 ~0 ≈0; once 2
    ");
    let state = "  - name: three\n    when: { script: state.n == 3 }\n    do: [{ reply: { text: three } }]\n  - name: n\n    do: [{ set: { n: '{{ (state.n | default(0)) + 1 }}' } }]";
    insta::assert_snapshot!(told(NONE, state, &[("0s", "x"), ("20m", "x"), ("20m", "x"), ("20m", "x")]), @r"
    0m Gained set: none -> n done
    20m Gained set: none -> n done
    40m Gained set: none -> n done
    60m Gained reply: none -> three done
    60m Gained set: none -> n done
    4 of 4; reply +1 -0 ~0 ≈0, set +4 -0 ~0 ≈0; 
    ");
}

#[test]
fn what_came_before_is_remembered_and_not_told() {
    let once = REFUND.replace("    do:", "    once: { per: conversation }\n    do:");
    let events = stored(&once, &said(&[("0s", "refund"), ("20m", "refund")]));
    let since = now().checked_add(SignedDuration::from_mins(10)).unwrap();
    let (changed, summary) = again(&once, events.clone(), since);
    assert_eq!((changed.len(), summary.remembered, summary.events), (0, 1, 1));
    // Without the time before, nobody would know that the rule has acted.
    let (changed, _) = again(&once, events[1..].to_vec(), since);
    assert_eq!(changed[0].changes[0].what, What::Gained);
}

#[test]
fn the_state_is_that_of_the_time_until_the_first_event_of_the_window() {
    let count = "  - name: n\n    do: [{ set: { n: '{{ (state.n | default(0)) + 1 }}' } }]";
    let events = stored(count, &said(&[("0s", "x"), ("20m", "x"), ("20m", "x")]));
    let since = now().checked_add(SignedDuration::from_mins(10)).unwrap();
    let by_ten = count.replace("+ 1", "+ 10");
    let (changed, _) = again(&by_ten, events, since);
    let values = changed.iter().map(|it| it.changes[0].after.as_ref().unwrap().trace.rendered["n"].clone());
    assert_eq!(values.collect::<Vec<_>>(), [json!(11), json!(21)]);
}

#[test]
fn events_are_decided_in_the_order_in_which_they_were() {
    let mut events = stored(NONE, &said(&[("0s", "refund"), ("1s", "refund"), ("1s", "refund"), ("1h", "refund")]));
    // The first waited for its lane until the third was there.
    events[0].1.at = events[2].1.at.checked_add(SignedDuration::from_secs(1)).unwrap();
    let order: Vec<EventId> = [1, 2, 0, 3].map(|index| events[index].0.id.clone()).to_vec();
    let (changed, summary) = again(REFUND, events, Timestamp::UNIX_EPOCH);
    assert_eq!(changed.iter().map(|it| it.event.clone()).collect::<Vec<_>>(), order);
    assert!(changed.is_sorted_by_key(|it| it.at));
    // Within fifteen minutes there is one answer.
    assert_eq!((summary.replies().gained, summary.held_back["once"]), (2, 2));
}

#[test]
fn other_sources_and_events_that_wait_are_not_told() {
    let mut events = stored(NONE, &said(&[("0s", "refund"), ("20m", "refund"), ("20m", "refund")]));
    events[0].0.source = SourceName::from("letters");
    let book = book(&[("rules.yaml", &rules(REFUND))], surroundings());
    let mut backtest = Backtest::new(&book, Timestamp::UNIX_EPOCH, Some(SourceName::from("inbox")));
    let waiting = events.pop().unwrap().0;
    let mut changed: Vec<Changed> =
        events.into_iter().flat_map(|(event, decision)| backtest.take(event, Some(decision))).collect();
    changed.extend(backtest.take(waiting, None));
    let (rest, summary) = backtest.finish();
    changed.extend(rest);
    assert_eq!(changed.iter().map(|it| it.source.as_str()).collect::<Vec<_>>(), ["inbox"]);
    assert_eq!((summary.events, summary.remembered, summary.undecided), (1, 1, 1));
}

#[test]
fn a_change_shows_no_words_in_debug_output() {
    let polite = REFUND.replace("Hi, we", "Dear planted, we");
    let (changed, _) = again(&polite, stored(REFUND, &said(&[("0s", "refund planted")])), Timestamp::UNIX_EPOCH);
    assert!(!format!("{changed:?}").contains("planted"));
    assert!(serde_json::to_string(&changed).unwrap().contains("Dear planted"));
}

#[test]
fn what_goes_to_a_person_stands_between_what_is_done_and_what_is_stopped() {
    let mode = |mode: &str| REFUND.replace("    do:", &format!("    mode: {mode}\n    do:"));
    let (approve, draft, shadow) = (mode("approve"), mode("draft"), mode("shadow"));
    let polite = |list: &str| list.replace("Hi, we", "Dear you, we");
    let of = |old: &str, new: &str| told(old, new, &[("0s", "refund")]).replace('\n', " | ");
    let said = [
        of(REFUND, &approve),
        of(REFUND, &draft),
        of(NONE, &approve),
        of(&shadow, &draft),
        of(&approve, REFUND),
        of(&approve, &shadow),
        of(&approve, NONE),
        of(&approve, &polite(&approve)),
        of(&draft, &polite(&draft)),
        of(&shadow, &polite(&shadow)),
    ];
    insta::assert_snapshot!(said.join("\n"), @r"
    0m ToPerson reply: refund done -> refund held | 1 of 1; reply +0 -0 ?1 ~0 ≈0; held 1
    0m ToPerson reply: refund done -> refund drafted | 1 of 1; reply +0 -0 ?1 ~0 ≈0; drafted 1
    0m ToPerson reply: none -> refund held | 1 of 1; reply +0 -0 ?1 ~0 ≈0; 
    0m ToPerson reply: refund shadowed -> refund drafted | 1 of 1; reply +0 -0 ?1 ~0 ≈0; 
    0m Gained reply: refund held -> refund done | 1 of 1; reply +1 -0 ~0 ≈0; 
    0m Lost reply: refund held -> refund shadowed | 1 of 1; reply +0 -1 ~0 ≈0; shadowed 1
    0m Lost reply: refund held -> none | 1 of 1; reply +0 -1 ~0 ≈0; 
    0m Changed reply: refund held -> refund held | 1 of 1; reply +0 -0 ~1 ≈0; 
    0m Changed reply: refund drafted -> refund drafted | 1 of 1; reply +0 -0 ~1 ≈0; 
    0m Changed reply: refund shadowed -> refund shadowed | 1 of 1; reply +0 -0 ~1 ≈0;
    ");
}

#[test]
fn what_is_held_back_in_another_way_is_not_newly_held_back() {
    let shadow = REFUND.replace("    do:", "    mode: shadow\n    do:");
    let hush = "  - name: hush\n    veto: reply";
    let vetoed = format!("{REFUND}\n{hush}");
    insta::assert_snapshot!(told(&shadow, &vetoed, &[("0s", "refund")]), @r"
    0m Changed reply: refund shadowed -> refund vetoed
    1 of 1; reply +0 -0 ~0 ≈1;
    ");
}

#[test]
fn which_bound_a_script_breaks_is_no_difference() {
    let endless = "  - name: odd\n    do: [{ script: 'let x = 0; while true { x += 1; }' }]";
    let mut events = stored(endless, &said(&[("0s", "tea")]));
    let action = &mut events[0].1.trace.matched[0].actions[0];
    let failed = |reason: &str| Verdict::Failed { reason: reason.to_owned() };
    assert_eq!(action.verdict, failed("the script ran more than 100000 operations (line 1, column 30)"));
    action.verdict = failed("the script ran longer than 50ms");
    assert_eq!(again(endless, events.clone(), Timestamp::UNIX_EPOCH).1.changed, 0);
    events[0].1.trace.matched[0].actions[0].verdict = failed("the script threw an error (line 1, column 1)");
    assert_eq!(again(endless, events, Timestamp::UNIX_EPOCH).1.changed, 1);
}

#[test]
fn a_mode_that_people_ordered_for_a_conversation_is_remembered() {
    let mut play = Play::new(REFUND);
    let written = json!({ "message": { "text": "refund" } });
    let event = testing::event(written.clone(), &surroundings(), 0, play.now);
    let ordered = Control { mode: Some(Mode::Draft), ..Control::of(Scope::Conversation(event.lane())) };
    play.world.controls.0.push(ordered);
    let stored = vec![(event, play.decide(written))];
    assert_eq!(stored[0].1.trace.matched[0].mode, "draft");
    assert_eq!(again(REFUND, stored, Timestamp::UNIX_EPOCH).1.changed, 0);
}
