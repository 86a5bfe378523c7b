// What the servers on Eclipse Milo share: their certificate, which the folder keeps over restarts, every policy and mode,
// users by name and by certificate (user.der of the folder), and nobody in particular.

import static org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig.USER_TOKEN_POLICY_ANONYMOUS;
import static org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig.USER_TOKEN_POLICY_USERNAME;
import static org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig.USER_TOKEN_POLICY_X509;

import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.eclipse.milo.opcua.sdk.server.EndpointConfig;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig;
import org.eclipse.milo.opcua.sdk.server.identity.AnonymousIdentityValidator;
import org.eclipse.milo.opcua.sdk.server.identity.CompositeValidator;
import org.eclipse.milo.opcua.sdk.server.identity.UsernameIdentityValidator;
import org.eclipse.milo.opcua.sdk.server.identity.X509IdentityValidator;
import org.eclipse.milo.opcua.stack.core.security.CertificateValidator;
import org.eclipse.milo.opcua.stack.core.security.DefaultApplicationGroup;
import org.eclipse.milo.opcua.stack.core.security.DefaultCertificateManager;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateQuarantine;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateStore;
import org.eclipse.milo.opcua.stack.core.security.MemoryTrustListManager;
import org.eclipse.milo.opcua.stack.core.security.RsaSha256CertificateFactory;
import org.eclipse.milo.opcua.stack.core.security.SecurityPolicy;
import org.eclipse.milo.opcua.stack.core.transport.TransportProfile;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.enumerated.MessageSecurityMode;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateBuilder;
import org.eclipse.milo.opcua.stack.core.util.SelfSignedCertificateGenerator;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransport;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransportConfig;

record Setup(X509Certificate certificate, OpcUaServer server) {
  static final String URI = "urn:test:milo:server";
  static final char[] PASSWORD = "crude oil".toCharArray();
  static final List<SecurityPolicy> POLICIES =
      List.of(SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss);

  static Setup in(Path folder, int port) throws Exception {
    Security.addProvider(new BouncyCastleProvider());
    KeyStore.PrivateKeyEntry own = certificateIn(folder.resolve("milo.p12"));
    X509Certificate certificate = (X509Certificate) own.getCertificate();
    Path user = folder.resolve("user.der");
    byte[] known = Files.exists(user) ? Files.readAllBytes(user) : new byte[0];

    var factory =
        new RsaSha256CertificateFactory() {
          @Override
          protected KeyPair createRsaSha256KeyPair() {
            return new KeyPair(certificate.getPublicKey(), own.getPrivateKey());
          }

          @Override
          protected X509Certificate[] createRsaSha256CertificateChain(KeyPair pair) {
            return new X509Certificate[] {certificate};
          }
        };
    var group =
        DefaultApplicationGroup.createAndInitialize(
            new MemoryTrustListManager(),
            new MemoryCertificateStore(),
            factory,
            new CertificateValidator.InsecureCertificateValidator());

    Set<EndpointConfig> endpoints = new LinkedHashSet<>();
    var base =
        EndpointConfig.newBuilder()
            .setTransportProfile(TransportProfile.TCP_UASC_UABINARY)
            .setBindAddress("127.0.0.1")
            .setHostname("127.0.0.1")
            .setBindPort(port)
            .setPath("/milo")
            .setCertificate(certificate)
            .addTokenPolicies(USER_TOKEN_POLICY_ANONYMOUS, USER_TOKEN_POLICY_USERNAME, USER_TOKEN_POLICY_X509);
    // Discovery needs one without security; sessions over it are refused by the client under test.
    endpoints.add(base.copy().setSecurityPolicy(SecurityPolicy.None).setSecurityMode(MessageSecurityMode.None).build());
    for (SecurityPolicy policy : POLICIES) {
      for (var mode : List.of(MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt)) {
        endpoints.add(base.copy().setSecurityPolicy(policy).setSecurityMode(mode).build());
      }
    }

    return new Setup(
        certificate,
        new OpcUaServer(
            OpcUaServerConfig.builder()
                .setApplicationUri(URI)
                .setApplicationName(LocalizedText.english("Milo of the interop tests"))
                .setProductUri(URI)
                .setEndpoints(endpoints)
                .setCertificateManager(new DefaultCertificateManager(new MemoryCertificateQuarantine(), group))
                .setIdentityValidator(
                    new CompositeValidator(
                        AnonymousIdentityValidator.INSTANCE,
                        new UsernameIdentityValidator(
                            challenge ->
                                "fieldgate".equals(challenge.getUsername())
                                    && "crude oil".equals(challenge.getPassword())),
                        new X509IdentityValidator(given -> Arrays.equals(encoded(given), known))))
                .build(),
            profile -> new OpcTcpServerTransport(OpcTcpServerTransportConfig.newBuilder().build())));
  }

  /** The line that says that it listens, and where. */
  void ready(int port) throws Exception {
    String der = Base64.getEncoder().encodeToString(certificate.getEncoded());
    System.out.printf("{\"endpoint\":\"opc.tcp://127.0.0.1:%d/milo\",\"certificate\":\"%s\"}%n", port, der);
  }

  private static byte[] encoded(X509Certificate certificate) {
    try {
      return certificate.getEncoded();
    } catch (CertificateEncodingException e) {
      return new byte[] {0};
    }
  }

  private static KeyStore.PrivateKeyEntry certificateIn(Path file) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    var password = new KeyStore.PasswordProtection(PASSWORD);
    if (Files.exists(file)) {
      try (var in = Files.newInputStream(file)) {
        store.load(in, PASSWORD);
      }
    } else {
      KeyPair pair = SelfSignedCertificateGenerator.generateRsaKeyPair(2048);
      PrivateKey key = pair.getPrivate();
      var made =
          new SelfSignedCertificateBuilder(pair).setCommonName("milo").setApplicationUri(URI).addIpAddress("127.0.0.1");
      store.load(null, null);
      store.setKeyEntry("server", key, PASSWORD, new Certificate[] {made.build()});
      try (OutputStream out = Files.newOutputStream(file)) {
        store.store(out, PASSWORD);
      }
    }
    return (KeyStore.PrivateKeyEntry) store.getEntry("server", password);
  }
}
