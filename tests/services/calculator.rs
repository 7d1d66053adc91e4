//! `Calculator`: all four kinds of call, and the room.

use seltzer::services::schemas::calculator::calculator_client::CalculatorClient;
use seltzer::services::schemas::calculator::{BinaryOperation, Message, Number};
use seltzer::services::{Settings, add_to};
use seltzer::{Code, Server, Streaming};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::services::carriers::{all, next, over_both, refused};
use crate::support::raw::{framed, send};
use crate::support::{Running, patiently};

/// The words that callers compare a refused division with.
const DIVISION_BY_ZERO: &str = "除数不能为零！";

#[tokio::test]
async fn arithmetic_is_on_doubles() {
    let table = [
        (2.0, '+', 3.5, 5.5),
        (0.1, '+', 0.2, 0.300_000_000_000_000_04),
        (f64::MAX, '+', f64::MAX, f64::INFINITY),
        (2.0, '-', 3.0, -1.0),
        (1e16, '-', 1.0, 9_999_999_999_999_999.0),
        (-4.0, '*', 2.5, -10.0),
        (1e200, '*', 1e200, f64::INFINITY),
        (1.0, '/', 4.0, 0.25),
        (1.0, '/', 3.0, 1.0 / 3.0),
        (0.0, '/', 5.0, 0.0),
        (1.0, '/', f64::INFINITY, 0.0),
    ];
    over_both(async |demo| {
        let client = CalculatorClient::new(demo.channel.clone());
        for (a, operator, b, value) in table {
            let operation = BinaryOperation { a, b };
            let result = match operator {
                '+' => client.add(operation).await,
                '-' => client.subtract(operation).await,
                '*' => client.multiply(operation).await,
                _ => client.divide(operation).await,
            };
            let result = result.unwrap().into_inner();
            assert_eq!(result.value, value, "{a} {operator} {b}");
            assert_eq!(result.message, format!("{a} {operator} {b} = {value}"));
        }
        let undefined = client.subtract(BinaryOperation { a: f64::INFINITY, b: f64::INFINITY }).await.unwrap();
        assert!(undefined.get_ref().value.is_nan());
    })
    .await;
}

#[tokio::test]
async fn division_by_zero_is_refused_in_the_agreed_words() {
    over_both(async |demo| {
        let client = CalculatorClient::new(demo.channel.clone());
        for (a, b) in [(1.0, 0.0), (1.0, -0.0), (0.0, 0.0), (f64::NAN, 0.0)] {
            let status = refused(client.divide(BinaryOperation { a, b }).await, Code::InvalidArgument);
            assert_eq!(status.message(), DIVISION_BY_ZERO, "{a} / {b}");
            assert!(status.details().is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn the_agreed_words_travel_percent_encoded() {
    let server = Running::start(add_to(Server::builder(), &Settings::default())).await;
    let headers = [("content-type", "application/grpc")];
    // 1 / 0, where the 0 is left out as protobuf does.
    let request = framed(0, b"\x09\0\0\0\0\0\0\xf0\x3f");
    let answer = send(server.address, "POST", "/Calculator/Divide", &headers, &request).await.unwrap();
    assert_eq!((answer.status, answer.grpc_status()), (200, Some("3")));
    assert_eq!(answer.grpc_message(), "%E9%99%A4%E6%95%B0%E4%B8%8D%E8%83%BD%E4%B8%BA%E9%9B%B6%EF%BC%81");
}

#[tokio::test]
async fn squares_go_up_to_the_whole_part() {
    over_both(async |demo| {
        let client = CalculatorClient::new(demo.channel.clone());
        for (value, count) in [(5.0, 5), (2.99, 2), (1.0, 1), (0.9, 0), (0.0, 0), (-0.0, 0), (1000.0, 1000)] {
            let squares = all(client.get_squares(Number { value }).await.unwrap()).await;
            let values: Vec<_> = squares.iter().map(|square| square.value).collect();
            let expected: Vec<_> = (1..=count).map(|number| f64::from(number * number)).collect();
            assert_eq!(values, expected, "{value}");
        }
    })
    .await;
}

#[tokio::test]
async fn numbers_that_nobody_can_count_up_to_are_refused() {
    over_both(async |demo| {
        let client = CalculatorClient::new(demo.channel.clone());
        for value in [-1.0, -0.5, -f64::MIN_POSITIVE, f64::MIN, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let status = refused(client.get_squares(Number { value }).await, Code::InvalidArgument);
            assert!(status.message().contains(&value.to_string()), "{}", status.message());
        }
    })
    .await;
}

#[tokio::test]
async fn endless_squares_stop_when_the_caller_leaves() {
    over_both(async |mut demo| {
        let client = CalculatorClient::new(demo.channel.clone());
        for value in [1e18, f64::MAX] {
            let mut squares = client.get_squares(Number { value }).await.unwrap().into_inner();
            let call = demo.call().await;
            // More than all buffers between the two sides hold.
            for number in 1..=20_000_i32 {
                assert_eq!(next(&mut squares).await.value, f64::from(number) * f64::from(number));
            }
            assert!(!call.is_cancelled());
            drop(squares);
            patiently(call.cancelled()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn numbers_are_summed_up() {
    let table = [
        (vec![], 0.0),
        (vec![4.5], 4.5),
        (vec![1.5, 2.5, -1.0], 3.0),
        (vec![1e308, 1e308], f64::INFINITY),
        ((1..=10_000).map(f64::from).collect(), 50_005_000.0),
    ];
    over_both(async |demo| {
        let client = CalculatorClient::new(demo.channel.clone());
        for (numbers, sum) in &table {
            let stream = tokio_stream::iter(numbers.clone().into_iter().map(|value| Number { value }));
            let result = client.sum_numbers(stream).await.unwrap().into_inner();
            assert_eq!(result.value, *sum);
        }
    })
    .await;
}

/// Somebody in the room.
struct Participant {
    name: &'static str,
    mouth: mpsc::Sender<Message>,
    ears: Streaming<Message>,
}

impl Participant {
    async fn join(client: &CalculatorClient, name: &'static str) -> Self {
        let (mouth, said) = mpsc::channel(1);
        let ears = client.chat(ReceiverStream::new(said)).await.unwrap().into_inner();
        Participant { name, mouth, ears }
    }

    async fn say(&self, text: &str, sent_at_ms: i64) -> Message {
        let message = Message { user: self.name.to_owned(), text: text.to_owned(), sent_at_ms };
        patiently(self.mouth.send(message.clone())).await.unwrap();
        message
    }

    async fn hear(&mut self) -> Message {
        next(&mut self.ears).await
    }
}

#[tokio::test]
async fn three_in_a_room_hear_everything_and_themselves() {
    over_both(async |demo| {
        let client = CalculatorClient::new(demo.channel.clone());
        let mut room = Vec::new();
        for name in ["Ada", "Bo", "Cy"] {
            room.push(Participant::join(&client, name).await);
        }
        for (speaker, text, sent_at_ms) in [(0, "hello", 0), (1, "你好", 1_700_000_000_000), (2, "", -1), (0, "bye", 7)]
        {
            let said = room[speaker].say(text, sent_at_ms).await;
            for participant in &mut room {
                assert_eq!(participant.hear().await, said, "{}", participant.name);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn people_come_and_go_and_the_room_goes_on() {
    over_both(async |mut demo| {
        let client = CalculatorClient::new(demo.channel.clone());
        let mut ada = Participant::join(&client, "Ada").await;
        let mut bo = Participant::join(&client, "Bo").await;
        let cy = Participant::join(&client, "Cy").await;
        let (_, _, call_of_cy) = (demo.call().await, demo.call().await, demo.call().await);

        // Bo has said all, and hears what came before it to the end.
        let last = bo.say("I must go", 1).await;
        drop(bo.mouth);
        assert_eq!(ada.hear().await, last);
        assert_eq!(next(&mut bo.ears).await, last);
        assert!(patiently(bo.ears.message()).await.unwrap().is_none());
        // Cy hangs up without a word.
        drop(cy);
        patiently(call_of_cy.cancelled()).await;

        let alone = ada.say("anybody?", 2).await;
        assert_eq!(ada.hear().await, alone);
        // Who comes later hears what is said from then on.
        let mut dee = Participant::join(&client, "Dee").await;
        let here = dee.say("me", 3).await;
        assert_eq!((ada.hear().await, dee.hear().await), (here.clone(), here));
    })
    .await;
}

#[tokio::test]
async fn each_server_has_a_room_of_its_own() {
    let (first, second) = (
        add_to(Server::builder(), &Settings::default()).serve_in_process().unwrap(),
        add_to(Server::builder(), &Settings::default()).serve_in_process().unwrap(),
    );
    let join = async |server| {
        let client = CalculatorClient::new(seltzer::Channel::in_process(server));
        Participant::join(&client, "Ada").await
    };
    let (mut here, mut there) = (join(&first).await, join(&second).await);
    let (one, two) = (here.say("here", 1).await, there.say("there", 2).await);
    assert_eq!((here.hear().await, there.hear().await), (one, two));
    for participant in [here, there] {
        drop(participant.mouth);
        let mut ears = participant.ears;
        assert!(patiently(ears.message()).await.unwrap().is_none());
    }
}
