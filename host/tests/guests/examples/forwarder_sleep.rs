//! Sends what it carries and then waits for something that never comes, so that nobody hears whether it was taken.

guests::forwarder!(|_, notification| {
    let request = http::Request {
        method: "POST".to_owned(),
        connection: Some("default".to_owned()),
        url: String::new(),
        headers: Vec::new(),
        body: notification.id.into_bytes(),
        timeout_ms: None,
        max_redirects: 0,
        max_body_bytes: None,
        fresh_connection: false,
        address_family: http::AddressFamily::Any,
        connect_to: None,
        options: Vec::new(),
    };
    match http::send(&request) {
        Ok(response) if response.status == 200 => std::thread::sleep(std::time::Duration::from_secs(3_600)),
        Ok(response) => {
            return Err(news::DeliveryFailure::Transient(news::Transient {
                message: format!("answered {}", response.status),
                retry_after_ms: None,
            }));
        }
        Err(failure) => {
            return Err(news::DeliveryFailure::Transient(news::Transient {
                message: format!("{:?}", failure.error),
                retry_after_ms: None,
            }));
        }
    }
    Ok(Vec::new())
});
