import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The JDK's own WebSocket client, which has no compression, against {@code hawser echo}. Sends what
 * interop_messages.py describes, compares the echoes, and reports in one JSON line.
 */
public class InteropJava {
  static final int[] SIZES = {
    0, 1, 125, 126, 127, 1000, 16383, 16384, 16385, 65535, 65536, 200_000, 1_000_000
  };

  /** Gathers whole messages, and the close code. */
  static class Listener implements WebSocket.Listener {
    final LinkedBlockingQueue<Object> whole = new LinkedBlockingQueue<>();
    final CompletableFuture<Integer> closed = new CompletableFuture<>();
    private final StringBuilder text = new StringBuilder();
    private final java.io.ByteArrayOutputStream binary = new java.io.ByteArrayOutputStream();

    @Override public CompletionStage<?> onText(WebSocket link, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        whole.add(text.toString());
        text.setLength(0);
      }
      link.request(1);
      return null;
    }

    @Override public CompletionStage<?> onBinary(WebSocket link, ByteBuffer data, boolean last) {
      byte[] bytes = new byte[data.remaining()];
      data.get(bytes);
      binary.writeBytes(bytes);
      if (last) {
        whole.add(binary.toByteArray());
        binary.reset();
      }
      link.request(1);
      return null;
    }

    @Override public CompletionStage<?> onClose(WebSocket link, int code, String reason) {
      closed.complete(code);
      return null;
    }

    @Override public void onError(WebSocket link, Throwable error) {
      closed.completeExceptionally(error);
    }
  }

  static List<Object> messages() {
    Random random = new Random(1);
    List<Object> all = new ArrayList<>();
    for (int size : SIZES) {
      String text = "{\"n\":\"temperatur/küche\",\"u\":\"Cel\",\"v\":21.5},";
      all.add(text.repeat(size / 40 + 1).substring(0, size));
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      all.add(bytes);
    }
    for (int number = 0; number < 200; number++) {
      all.add("[{\"bn\":\"pi-17/\",\"n\":\"temperature\",\"u\":\"Cel\",\"v\":" + random.nextDouble() + "}]");
    }
    return all;
  }

  static void send(WebSocket link, Object message, boolean cut) throws Exception {
    if (message instanceof String text) {
      int middle = cut ? text.length() / 2 : 0;
      if (cut) link.sendText(text.substring(0, middle), false).get();
      if (cut) link.sendPing(ByteBuffer.wrap(new byte[] {1, 2, 3})).get();
      link.sendText(text.substring(middle), true).get();
    } else if (message instanceof byte[] bytes) {
      int middle = cut ? bytes.length / 2 : 0;
      if (cut) link.sendBinary(ByteBuffer.wrap(bytes, 0, middle), false).get();
      link.sendBinary(ByteBuffer.wrap(bytes, middle, bytes.length - middle), true).get();
    }
  }

  public static void main(String[] arguments) throws Exception {
    Listener listener = new Listener();
    WebSocket link = HttpClient.newHttpClient().newWebSocketBuilder()
        .buildAsync(URI.create(arguments[0]), listener).get(20, TimeUnit.SECONDS);
    int echoed = 0;
    for (Object message : messages()) {
      send(link, message, echoed % 2 == 1);
      Object answer = listener.whole.poll(20, TimeUnit.SECONDS);
      boolean same = message instanceof byte[] bytes
          ? answer instanceof byte[] back && Arrays.equals(bytes, back) : message.equals(answer);
      if (!same) throw new IllegalStateException("message " + echoed + " came back as another");
      echoed++;
    }
    link.sendClose(1000, "done").get();
    int code = listener.closed.get(20, TimeUnit.SECONDS);
    System.out.println("{\"echoed\": " + echoed + ", \"deflate\": null, \"code\": " + code + "}");
  }
}
