package interop

import (
	"bytes"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestAmqp091Go(t *testing.T) {
	cases := []struct {
		name string
		run  func(r *room)
	}{
		{"declare: declares, binds, finds passively, unbinds and deletes", declareLifecycle},
		{"declare: gets a name from the server for a queue without one", declareServerNamed},
		{"publish: carries every property, nested headers and the body unchanged", publishProperties},
		{"publish: carries empty bodies and bodies of many frames", publishSizes},
		{"confirm: confirms a thousand publishes", confirmMany},
		{"confirm: returns a mandatory message without a route before it confirms it", confirmReturn},
		{"consume: delivers in order within the prefetch and stops after cancel", consumePrefetch},
		{"consume: is told when its queue goes away", consumeCancelled},
		{"ack: settles for good; what is not acked comes back redelivered, in order", ackRedelivery},
		{"ack: recover redelivers what is unacked", ackRecover},
		{"nack: requeues or drops, one or many; reject does the same for one", nackRequeue},
		{"get: takes one message and says how many are left, or that there is none", getMessages},
		{"tx: publishes and acks count after commit and never after rollback", txCommit},
		{"consume: an exclusive consumer keeps others out", consumeExclusive},
		{"login: AMQPLAIN, the smallest frames and a heartbeat of one second", loginVariants},
		{"login: a new secret is taken while the connection is open", loginSecret},
		{"errors: 404 for a missing queue closes the channel, not the connection", errorMissing},
		{"errors: 406 for a redeclaration that differs", errorInequivalent},
		{"errors: 403 for a name in amq.*", errorReserved},
		{"errors: 406 for a second ack", errorDoubleAck},
		{"errors: 530 for an unknown vhost", errorVhost},
		{"errors: 403 for a wrong password", errorPassword},
		{"reconnect: recovers its consumer and loses no message when the connection breaks", reconnectBroken},
		{"reconnect: a connection that the broker closes leaves others alone and can be opened again", reconnectClosed},
	}
	for _, each := range cases {
		each := each
		t.Run(each.name, func(t *testing.T) { each.run(enter(t)) })
	}
}

func declareLifecycle(r *room) {
	source, target := freshName("source"), freshName("target")
	on := r.channel
	r.check(on.ExchangeDeclare(source, "fanout", false, false, false, false, nil))
	r.check(on.ExchangeDeclare(target, "topic", false, true, true, false, amqp.Table{"note": "kept"}))
	r.check(on.ExchangeBind(target, "", source, false, nil))
	r.check(on.QueueBind(r.queue, "a.#", target, false, nil))
	r.check(on.ExchangeDeclarePassive(source, "fanout", false, false, false, false, nil))
	state, err := on.QueueDeclare(r.queue, true, false, false, false, nil)
	r.check(err)
	r.equal("queue", state, amqp.Queue{Name: r.queue})

	for _, key := range []string{"a.b", "b"} {
		confirmation, err := on.PublishWithDeferredConfirm(source, key, false, false, amqp.Publishing{Body: []byte(key)})
		r.check(err)
		r.confirmed(confirmation)
	}
	r.equal("routed", r.messageCount(), 1)

	r.check(on.QueueUnbind(r.queue, "a.#", target, nil))
	r.check(on.ExchangeDelete(source, false, false))
	purged, err := on.QueuePurge(r.queue, false)
	r.check(err)
	r.equal("purged", purged, 1)
	deleted, err := on.QueueDelete(r.queue, true, true, false)
	r.check(err)
	r.equal("deleted with", deleted, 0)
}

func declareServerNamed(r *room) {
	made, err := r.channel.QueueDeclare("", false, true, true, false, nil)
	r.check(err)
	r.equal("prefix", strings.HasPrefix(made.Name, "amq.gen-"), true)
}

func publishProperties(r *room) {
	headers := amqp.Table{
		"text": "h", "yes": true, "int8": int8(-7), "int16": int16(-700), "int32": int32(70_000), "int64": int64(1 << 40),
		"float": float32(1.5), "double": 2.5, "bytes": []byte{0xff, 0}, "none": nil,
		"decimal": amqp.Decimal{Scale: 2, Value: 1234}, "time": time.Unix(1_700_000_000, 0),
		"nested": amqp.Table{"list": []any{int32(1), "two", amqp.Table{"three": int64(3)}}},
	}
	sent := amqp.Publishing{
		Headers: headers, ContentType: "application/octet-stream", ContentEncoding: "identity",
		DeliveryMode: amqp.Persistent, Priority: 3, CorrelationId: "c-1", ReplyTo: "reply", Expiration: "60000",
		MessageId: "m-1", Timestamp: time.Unix(1_700_000_000, 0), Type: "kind", UserId: "guest", AppId: "app",
		Body: []byte{0, 0xff, 0xce, 10},
	}
	confirmation, err := r.channel.PublishWithDeferredConfirm("", r.queue, false, false, sent)
	r.check(err)
	r.confirmed(confirmation)
	got := r.get(r.channel, true)
	received := amqp.Publishing{
		Headers: got.Headers, ContentType: got.ContentType, ContentEncoding: got.ContentEncoding,
		DeliveryMode: got.DeliveryMode, Priority: got.Priority, CorrelationId: got.CorrelationId, ReplyTo: got.ReplyTo,
		Expiration: got.Expiration, MessageId: got.MessageId, Timestamp: got.Timestamp, Type: got.Type,
		UserId: got.UserId, AppId: got.AppId, Body: got.Body,
	}
	if !reflect.DeepEqual(received, sent) {
		r.Fatalf("sent %+v, received %+v", sent, received)
	}
}

func publishSizes(r *room) {
	large := strings.Repeat("leveret", 214_286)
	r.publish("", large)
	deliveries := r.consume(r.channel, "", true)
	r.equal("empty body", len(r.next(deliveries).Body), 0)
	r.equal("large body unchanged", bytes.Equal(r.next(deliveries).Body, []byte(large)), true)
}

func confirmMany(r *room) {
	pending := make([]*amqp.DeferredConfirmation, 1_000)
	for sent := range pending {
		confirmation, err := r.channel.PublishWithDeferredConfirm("", r.queue, false, false, amqp.Publishing{})
		r.check(err)
		r.equal("delivery tag", confirmation.DeliveryTag, uint64(sent+1))
		pending[sent] = confirmation
	}
	for _, confirmation := range pending {
		r.confirmed(confirmation)
	}
	r.equal("messages", r.messageCount(), 1_000)
}

func confirmReturn(r *room) {
	// Neither channel has a buffer: the client hands over the return before it reads the confirm.
	returns := r.channel.NotifyReturn(make(chan amqp.Return))
	confirms := r.channel.NotifyPublish(make(chan amqp.Confirmation))
	r.check(r.channel.Publish("", freshName("unbound"), true, false, amqp.Publishing{Body: []byte("lost")}))
	select {
	case returned := <-returns:
		r.equal("reply code", returned.ReplyCode, uint16(312))
		r.equal("body", string(returned.Body), "lost")
	case <-confirms:
		r.Fatal("confirmed before it was returned")
	case <-time.After(patience):
		r.Fatal("not returned")
	}
	select {
	case confirmation := <-confirms:
		r.equal("acked", confirmation.Ack, true)
	case <-time.After(patience):
		r.Fatal("not confirmed")
	}
}

func consumePrefetch(r *room) {
	r.publish("1", "2", "3", "4", "5")
	consumer := r.open()
	r.check(consumer.Qos(2, 0, false))
	deliveries := r.consume(consumer, "steady", false)
	taken := r.expect(deliveries, false, "1", "2")
	r.equal("left in the queue", r.messageCount(), 3)
	r.check(taken[1].Ack(true))
	taken = r.expect(deliveries, false, "3", "4")
	r.check(consumer.Cancel("steady", false))
	r.check(taken[1].Ack(true))
	state, err := consumer.QueueDeclarePassive(r.queue, true, false, false, false, nil)
	r.check(err)
	r.equal("queue", state, amqp.Queue{Name: r.queue, Messages: 1})
	if message, open := <-deliveries; open {
		r.Fatalf("delivered %s after cancel", message.Body)
	}
}

func consumeCancelled(r *room) {
	cancels := r.channel.NotifyCancel(make(chan string, 1))
	r.consume(r.channel, "doomed", false)
	_, err := r.channel.QueueDelete(r.queue, false, false, false)
	r.check(err)
	select {
	case tag := <-cancels:
		r.equal("consumer tag", tag, "doomed")
	case <-time.After(patience):
		r.Fatal("not told")
	}
}

func ackRedelivery(r *room) {
	r.publish("1", "2", "3", "4")
	consumer := r.open()
	taken := r.expect(r.consume(consumer, "", false), false, "1", "2", "3", "4")
	r.check(taken[1].Ack(false))
	r.check(consumer.Close())
	rest := r.expect(r.consume(r.channel, "", false), true, "1", "3", "4")
	r.check(rest[2].Ack(true))
	r.equal("left in the queue", r.messageCount(), 0)
}

func ackRecover(r *room) {
	r.publish("again")
	deliveries := r.consume(r.channel, "", false)
	r.expect(deliveries, false, "again")
	r.check(r.channel.Recover(true))
	r.expect(deliveries, true, "again")
}

func nackRequeue(r *room) {
	r.publish("1", "2", "3")
	r.get(r.channel, false)
	second, third := r.get(r.channel, false), r.get(r.channel, false)
	r.check(second.Nack(true, true))
	r.check(third.Reject(false))
	for _, body := range []string{"1", "2"} {
		again := r.get(r.channel, false)
		r.equal("body", string(again.Body), body)
		r.equal("redelivered", again.Redelivered, true)
	}
	_, found, err := r.channel.Get(r.queue, false)
	r.check(err)
	r.equal("found after the requeued ones", found, false)
	r.check(r.channel.Nack(0, true, false))
	r.equal("left in the queue", r.messageCount(), 0)
}

func getMessages(r *room) {
	_, found, err := r.channel.Get(r.queue, false)
	r.check(err)
	r.equal("found in an empty queue", found, false)
	r.publish("1", "2")
	message := r.get(r.channel, false)
	r.equal("body", string(message.Body), "1")
	r.equal("left", message.MessageCount, uint32(1))
	r.equal("routing key", message.RoutingKey, r.queue)
	r.check(message.Ack(false))
	r.get(r.channel, true)
	_, found, err = r.channel.Get(r.queue, false)
	r.check(err)
	r.equal("found in an empty queue", found, false)
}

func txCommit(r *room) {
	r.publish("held")
	tx := r.open()
	r.check(tx.Tx())
	r.send(tx, "dropped")
	r.check(tx.TxRollback())
	r.equal("after rollback", r.messageCount(), 1)

	held := r.get(tx, false)
	r.check(held.Ack(false))
	r.send(tx, "kept")
	r.equal("before commit", r.messageCount(), 0)
	r.check(tx.TxCommit())
	r.equal("after commit", r.messageCount(), 1)
	r.check(tx.Close())
	r.equal("body", string(r.get(r.channel, true).Body), "kept")
}

func consumeExclusive(r *room) {
	r.consume(r.channel, "first", false)
	r.refused(403, "ACCESS_REFUSED - queue '"+r.queue+"' in vhost '/' in exclusive use", func(on *amqp.Channel) error {
		_, err := on.Consume(r.queue, "mine", false, true, false, false, nil)
		return err
	})
}

func loginVariants(r *room) {
	user := r.userinfo()
	password, _ := user.Password()
	variant, err := amqp.DialConfig(r.uri, amqp.Config{
		SASL:      []amqp.Authentication{&amqp.AMQPlainAuth{Username: user.Username(), Password: password}},
		FrameSize: 4096,
		Heartbeat: time.Second,
	})
	r.check(err)
	defer variant.Close()
	closed := variant.NotifyClose(make(chan *amqp.Error, 1))
	channel, err := variant.Channel()
	r.check(err)
	r.check(channel.Confirm(false))
	body := strings.Repeat("leveret", 20_000)
	r.send(channel, body)
	select {
	case err := <-closed:
		r.Fatalf("closed while idle: %v", err)
	case <-time.After(4 * time.Second):
	}
	r.equal("body unchanged", string(r.get(channel, true).Body) == body, true)
}

func loginSecret(r *room) {
	password, _ := r.userinfo().Password()
	r.check(r.connection.UpdateSecret(password, "rotated"))
	r.messageCount()
}

func (r *room) userinfo() *url.Userinfo {
	r.Helper()
	uri, err := url.Parse(r.uri)
	r.check(err)
	if uri.User == nil {
		return url.UserPassword("guest", "guest")
	}
	return uri.User
}

func errorMissing(r *room) {
	missing := freshName("missing")
	r.refused(404, "NOT_FOUND - no queue '"+missing+"' in vhost '/'", func(on *amqp.Channel) error {
		_, err := on.QueueDeclarePassive(missing, false, false, false, false, nil)
		return err
	})
}

func errorInequivalent(r *room) {
	text := "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '" + r.queue +
		"' in vhost '/': received 'false' but current is 'true'"
	r.refused(406, text, func(on *amqp.Channel) error {
		_, err := on.QueueDeclare(r.queue, false, false, false, false, nil)
		return err
	})
}

func errorReserved(r *room) {
	text := "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"
	r.refused(403, text, func(on *amqp.Channel) error {
		return on.ExchangeDeclare("amq.mine", "direct", false, false, false, false, nil)
	})
}

func errorDoubleAck(r *room) {
	r.publish("once")
	r.refused(406, "PRECONDITION_FAILED - unknown delivery tag 1", func(on *amqp.Channel) error {
		closed := on.NotifyClose(make(chan *amqp.Error, 1))
		message := r.get(on, false)
		r.check(message.Ack(false))
		r.check(message.Ack(false))
		select {
		case refusal := <-closed:
			return refusal
		case <-time.After(patience):
			return errors.New("the channel stayed open")
		}
	})
}

func errorVhost(r *room) {
	r.loginRefused(530, "NOT_ALLOWED - ", func(uri *url.URL) { uri.Path = "/no-such-vhost" })
}

func errorPassword(r *room) {
	r.loginRefused(403, "", func(uri *url.URL) { uri.User = url.UserPassword("guest", "wrong") })
}

// loginRefused dials with a changed URI; the client words the refusal of a password itself.
func (r *room) loginRefused(code int, prefix string, change func(uri *url.URL)) {
	r.Helper()
	uri, err := url.Parse(r.uri)
	r.check(err)
	change(uri)
	_, err = amqp.Dial(uri.String())
	var refusal *amqp.Error
	if !errors.As(err, &refusal) {
		r.Fatalf("expected %d, was %v", code, err)
	}
	r.equal("reply code", refusal.Code, code)
	if !strings.HasPrefix(refusal.Reason, prefix) {
		r.Fatalf("expected %q, was %q", prefix, refusal.Reason)
	}
}

func reconnectBroken(r *room) {
	uri, err := url.Parse(r.uri)
	r.check(err)
	proxy, err := openProxy(uri.Host)
	r.check(err)
	defer proxy.close()
	uri.Host = proxy.address()
	recovery := &amqp.Recovery{
		ReconnectionConfig: &amqp.ReconnectionConfig{MaxRetryCount: 100, RetryInterval: 50 * time.Millisecond},
	}
	recovering, err := amqp.DialConfig(uri.String(), amqp.Config{Recovery: recovery, Heartbeat: patience})
	r.check(err)
	defer recovering.Close()
	consumer, err := recovering.Channel()
	r.check(err)
	r.check(consumer.Qos(5, 0, false))
	r.publish("0", "1", "2", "3", "4", "5")
	deliveries := r.consume(consumer, "recovering", false)
	before := r.expect(deliveries, false, "0", "1", "2", "3", "4")
	r.check(before[1].Ack(true))
	r.expect(deliveries, false, "5")
	_, err = consumer.QueueDeclarePassive(r.queue, true, false, false, false, nil)
	r.check(err)

	proxy.cut()
	r.publish("6", "7")
	proxy.restore()
	for index, body := range []string{"2", "3", "4", "5", "6", "7"} {
		message := r.next(deliveries)
		r.equal("body", string(message.Body), body)
		// What was published after the cut may still have gone to the broken connection first.
		r.equal("redelivered "+body, message.Redelivered || index >= 4, true)
		r.check(message.Ack(false))
	}
	r.check(consumer.Cancel("recovering", false))
	r.equal("queue", r.state(), amqp.Queue{Name: r.queue})
}

func reconnectClosed(r *room) {
	doomed := r.dial()
	closed := doomed.NotifyClose(make(chan *amqp.Error, 1))
	channel, err := doomed.Channel()
	r.check(err)
	err = channel.Qos(0, 1, false)
	var refusal *amqp.Error
	if !errors.As(err, &refusal) {
		r.Fatalf("expected 540, was %v", err)
	}
	r.equal("reply code", (<-closed).Code, 540)
	r.equal("messages seen by a bystander", r.messageCount(), 0)
	again := r.dial()
	defer again.Close()
	channel, err = again.Channel()
	r.check(err)
	r.check(channel.Confirm(false))
	r.send(channel, "back")
	r.equal("messages", r.messageCount(), 1)
}
