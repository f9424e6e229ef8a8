package interop

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const patience = 10 * time.Second

// room is what every case starts with: a connection, a channel with confirms, and a durable queue of its own.
type room struct {
	*testing.T
	uri        string
	connection *amqp.Connection
	channel    *amqp.Channel
	queue      string
}

func brokerURI(t *testing.T) string {
	uri := os.Getenv("LEVERET_TEST_URI")
	if uri == "" {
		t.Fatal("LEVERET_TEST_URI is not set: run the suites through tests/interop/run")
	}
	return uri
}

func freshName(subject string) string {
	var salt [4]byte
	_, _ = rand.Read(salt[:])
	return "interop." + subject + "." + hex.EncodeToString(salt[:])
}

func enter(t *testing.T) *room {
	r := &room{T: t, uri: brokerURI(t), queue: freshName("go")}
	r.connection = r.dial()
	r.channel = r.open()
	r.check(r.channel.Confirm(false))
	_, err := r.channel.QueueDeclare(r.queue, true, false, false, false, nil)
	r.check(err)
	t.Cleanup(func() {
		cleanup, err := amqp.Dial(r.uri)
		r.check(err)
		channel, err := cleanup.Channel()
		r.check(err)
		_, err = channel.QueueDelete(r.queue, false, false, false)
		r.check(err)
		r.check(cleanup.Close())
		_ = r.connection.Close()
	})
	return r
}

func (r *room) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *room) equal(what string, actual, expected any) {
	r.Helper()
	if actual != expected {
		r.Fatalf("%s: expected %v, was %v", what, expected, actual)
	}
}

func (r *room) dial() *amqp.Connection {
	r.Helper()
	connection, err := amqp.Dial(r.uri)
	r.check(err)
	return connection
}

func (r *room) open() *amqp.Channel {
	r.Helper()
	channel, err := r.connection.Channel()
	r.check(err)
	return channel
}

func (r *room) publish(bodies ...string) {
	r.Helper()
	for _, body := range bodies {
		r.send(r.channel, body)
	}
	r.messageCount()
}

func (r *room) send(channel *amqp.Channel, body string) {
	r.Helper()
	message := amqp.Publishing{Body: []byte(body), DeliveryMode: amqp.Persistent}
	confirmation, err := channel.PublishWithDeferredConfirm("", r.queue, false, false, message)
	r.check(err)
	if confirmation != nil {
		r.confirmed(confirmation)
	}
}

func (r *room) confirmed(confirmation *amqp.DeferredConfirmation) {
	r.Helper()
	within, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	acked, err := confirmation.WaitContext(within)
	r.check(err)
	r.equal("confirmed by ack", acked, true)
}

func (r *room) state() amqp.Queue {
	r.Helper()
	state, err := r.channel.QueueDeclarePassive(r.queue, true, false, false, false, nil)
	r.check(err)
	return state
}

func (r *room) messageCount() int {
	r.Helper()
	return r.state().Messages
}

func (r *room) get(channel *amqp.Channel, autoAck bool) amqp.Delivery {
	r.Helper()
	message, found, err := channel.Get(r.queue, autoAck)
	r.check(err)
	r.equal("message found", found, true)
	return message
}

func (r *room) consume(channel *amqp.Channel, tag string, autoAck bool) <-chan amqp.Delivery {
	r.Helper()
	deliveries, err := channel.Consume(r.queue, tag, autoAck, false, false, false, nil)
	r.check(err)
	return deliveries
}

func (r *room) next(deliveries <-chan amqp.Delivery) amqp.Delivery {
	r.Helper()
	select {
	case message, open := <-deliveries:
		r.equal("consumer open", open, true)
		return message
	case <-time.After(patience):
		r.Fatal("no delivery arrived")
		return amqp.Delivery{}
	}
}

// expect takes deliveries and compares their bodies and redelivered flags.
func (r *room) expect(deliveries <-chan amqp.Delivery, redelivered bool, bodies ...string) []amqp.Delivery {
	r.Helper()
	taken := make([]amqp.Delivery, 0, len(bodies))
	for _, body := range bodies {
		message := r.next(deliveries)
		r.equal("body", string(message.Body), body)
		r.equal("redelivered "+body, message.Redelivered, redelivered)
		taken = append(taken, message)
	}
	return taken
}

// refused runs work on a channel of its own and checks that the broker closes that channel and nothing else.
func (r *room) refused(code int, reason string, work func(channel *amqp.Channel) error) {
	r.Helper()
	err := work(r.open())
	var refusal *amqp.Error
	if !errors.As(err, &refusal) {
		r.Fatalf("expected %d, was %v", code, err)
	}
	r.equal("reply code", refusal.Code, code)
	r.equal("reply text", refusal.Reason, reason)
	r.messageCount()
}
