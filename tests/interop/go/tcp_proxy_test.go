package interop

import (
	"io"
	"net"
	"sync"
)

// tcpProxy relays between a client and the broker until a test cuts it: sockets then end without a word of AMQP.
type tcpProxy struct {
	listener net.Listener
	target   string
	mutex    sync.Mutex
	isCut    bool
	sockets  map[net.Conn]struct{}
}

func openProxy(target string) (*tcpProxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	proxy := &tcpProxy{listener: listener, target: target, sockets: map[net.Conn]struct{}{}}
	go proxy.accept()
	return proxy, nil
}

func (p *tcpProxy) address() string { return p.listener.Addr().String() }

// cut severs every connection and refuses new ones until restore.
func (p *tcpProxy) cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.isCut = true
	for socket := range p.sockets {
		_ = socket.Close()
	}
}

func (p *tcpProxy) restore() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.isCut = false
}

func (p *tcpProxy) close() {
	_ = p.listener.Close()
	p.cut()
}

func (p *tcpProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.open(client)
	}
}

func (p *tcpProxy) open(client net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.isCut {
		_ = client.Close()
		return
	}
	broker, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.sockets[client] = struct{}{}
	p.sockets[broker] = struct{}{}
	go p.relay(client, broker)
	go p.relay(broker, client)
}

func (p *tcpProxy) relay(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = from.Close()
	_ = to.Close()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.sockets, from)
	delete(p.sockets, to)
}
