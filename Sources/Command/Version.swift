/// The version the commands print.
package let version = "0.1.0"
