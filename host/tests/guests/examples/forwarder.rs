//! Forwards as it should: says back what it was told, counts in `state`, and fails the way its settings say.

guests::forwarder!(
    |settings, notification| {
        let count = state::get("count").expect("state can be read").map_or(0, |bytes| bytes[0]) + 1;
        state::set("count", &[count]).expect("one byte fits");
        if settings.contains("permanent") {
            return Err(news::DeliveryFailure::Permanent("no such channel".to_owned()));
        }
        if settings.contains("transient") {
            return Err(news::DeliveryFailure::Transient(news::Transient {
                message: "come back later".to_owned(),
                retry_after_ms: Some(1_500),
            }));
        }
        let first = &notification.alerts[0];
        Ok(vec![
            ("name".to_owned(), context::name()),
            ("id".to_owned(), notification.id),
            ("attempt".to_owned(), notification.attempt.to_string()),
            ("reason".to_owned(), format!("{:?}", notification.reason)),
            ("alerts".to_owned(), notification.alerts.len().to_string()),
            ("first".to_owned(), format!("{}={}", first.labels[0].name, first.labels[0].value)),
            ("state".to_owned(), format!("{:?}", first.state)),
            ("count".to_owned(), count.to_string()),
        ])
    },
    runs: |_, runs| {
        let refused = |run: &news::Run| (run.id.clone(), news::DeliveryFailure::Permanent(run.check.clone()));
        Ok(runs.iter().skip(1).map(refused).collect())
    },
    events: |_, events| {
        let stranger = ("stranger".to_owned(), news::DeliveryFailure::Permanent("never sent".to_owned()));
        let refused = |event: &news::Event| {
            (
                event.id.clone(),
                news::DeliveryFailure::Transient(news::Transient {
                    message: String::from_utf8_lossy(&event.payload).into_owned(),
                    retry_after_ms: None,
                }),
            )
        };
        Ok(events.iter().map(refused).chain([stranger]).collect())
    }
);
